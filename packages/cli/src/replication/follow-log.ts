import {
  type Clock,
  type ReplicationLink,
  RequestError,
  ServerUnreachableError,
  systemClock,
} from "@lockstep/client";
import type { Change, Checkpoint, LogPosition, SubscribeResponse } from "@lockstep/protocol";

/** How long after a cut the log is followed again, milliseconds. */
const AGAIN_MS = 500;

/** Refusals that pass by themselves. */
const PASSING: ReadonlySet<string> = new Set([
  "SERVER_STOPPING",
  "RECOVERING",
  "SLOW_CONSUMER",
  "DEADLINE_EXCEEDED",
]);

/** What a log brings. */
export type LogEntry =
  | { readonly kind: "change"; readonly change: Change }
  | { readonly kind: "checkpoint"; readonly checkpoint: Checkpoint };

/** The part of a client that a log is followed through. */
export interface Followed {
  readonly replication: Pick<ReplicationLink, "subscribe">;
}

type Position = Pick<LogPosition, "seq"> & Partial<Pick<LogPosition, "logHash">>;

/**
 * The entries of a dataset's log from a seq on, without gap or repetition, over lost connections and restarts of the
 * server. It acknowledges nothing and counts for nothing.
 * @throws RequestError when the log does not reach back so far, or is another one by now
 */
export async function* followLog(
  { replication }: Followed,
  dataset: string,
  fromSeq: bigint,
  signal: AbortSignal,
  clock: Clock = systemClock,
): AsyncGenerator<LogEntry, void, undefined> {
  let told = fromSeq - 1n;
  let position: Position = { seq: told };
  while (!signal.aborted) {
    const start = { case: "cursor", value: position } as const;
    try {
      for await (const response of replication.subscribe({ dataset, start }, signal)) {
        const { part } = response;
        yield* entriesOf(response, told);
        if (part.case !== "changes") continue;
        const { lastSeq, logHash } = part.value;
        position = { seq: lastSeq, logHash };
        told = lastSeq > told ? lastSeq : told;
      }
    } catch (error) {
      if (!passes(error)) throw error;
    }
    if (!signal.aborted) await pause(clock);
  }
}

function* entriesOf({ part }: SubscribeResponse, told: bigint): Generator<LogEntry> {
  if (part.case === "changes") {
    // A log is read by whole batches: the first one may begin before what is asked for.
    for (const change of part.value.changes)
      if (change.seq > told) yield { kind: "change", change };
  } else if (part.case === "checkpoint") yield { kind: "checkpoint", checkpoint: part.value };
}

function passes(error: unknown): boolean {
  if (error instanceof ServerUnreachableError) return true;
  return error instanceof RequestError && PASSING.has(error.reason);
}

function pause(clock: Clock): Promise<void> {
  const awake = clock.stayAwake();
  return new Promise((resolve) => {
    clock.after(AGAIN_MS, () => {
      awake.cancel();
      resolve();
    });
  });
}
