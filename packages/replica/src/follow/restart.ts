import { RequestError, ServerUnreachableError } from "@lockstep/client";
import { ReplicaSupersededError } from "../errors.ts";

/**
 * How a replica goes on after its subscription has ended.
 * - SUBSCRIBE: from its cursor.
 * - REGISTER: with a new generation, from its cursor.
 * - SNAPSHOT: with a new generation, from a new snapshot.
 * - RELOAD: from what the store has, whatever that is.
 */
export type How = "SUBSCRIBE" | "REGISTER" | "SNAPSHOT" | "RELOAD";

/** Ends a subscription from within, and says how to go on. */
export class Restart extends Error {
  override readonly name = "Restart";
  readonly how: How;
  /** The rows must not be used any more: they are of another history, or too far from the server's. */
  readonly quarantine: boolean;

  constructor(how: How, message: string, quarantine = false, options?: ErrorOptions) {
    super(message, options);
    this.how = how;
    this.quarantine = quarantine;
  }
}

/** The log is not the one that the rows come from. */
export function diverged(message: string): Restart {
  return new Restart("SNAPSHOT", message, true);
}

const NEW_GENERATION = new Set(["REPLICA_UNKNOWN", "ACK_REGRESSED"]);

// What passes by itself, or by an operator at the server.
const PASSING = new Set([
  "SUBSCRIPTION_SUPERSEDED",
  "SUBSCRIPTION_UNKNOWN",
  "SLOW_CONSUMER",
  "SERVER_STOPPING",
  "RECOVERING",
  "JOURNAL_FAILED",
  "DEADLINE_EXCEEDED",
  "CANCELLED",
  "INTERNAL",
  "LIMIT_EXCEEDED",
  "DATASET_DAMAGED",
  "STORAGE_LOW",
]);

/** How to go on after an error; undefined: not at all, the replica stops with it. */
export function restartOf(error: unknown, replica: string): Restart | Error {
  if (error instanceof Restart) return error;
  if (error instanceof ServerUnreachableError)
    return new Restart("SUBSCRIBE", error.message, false, { cause: error });
  if (!(error instanceof RequestError)) return error as Error;
  const { reason, code, message } = error;
  const cause = { cause: error };
  if (reason === "REPLICA_SUPERSEDED") return new ReplicaSupersededError(replica, cause);
  if (reason === "LOG_DIVERGED") return new Restart("SNAPSHOT", message, true, cause);
  if (reason === "COMPACTED") return new Restart("SNAPSHOT", message, false, cause);
  if (NEW_GENERATION.has(reason)) return new Restart("REGISTER", message, false, cause);
  if (PASSING.has(reason) || code === "UNAVAILABLE")
    return new Restart("SUBSCRIBE", message, false, cause);
  return error;
}
