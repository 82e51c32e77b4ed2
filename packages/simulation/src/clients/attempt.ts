import {
  ClientClosedError,
  LockLostError,
  LockReleasedError,
  NotGrantedError,
  RequestError,
  ServerUnreachableError,
  SessionLostError,
} from "@lockstep/client";
import { Fenced } from "../resource/resource.ts";
import type { World } from "../run/world.ts";

/** Why an operation of the application was taken back. */
export const GIVEN_UP = new Error("the application gave up");

/** Refusals that an application may meet; every other one would be a fault of the client. */
const EXPECTED_REASONS: ReadonlySet<string> = new Set([
  "TOKEN_MISMATCH",
  "VERSION_MISMATCH",
  "NO_SUCH_SESSION",
  "REVISION_COMPACTED",
  "REVISION_AHEAD",
  "SESSION_EXPIRED",
  "SESSION_CLOSED",
  "SESSION_REVOKED",
  "SESSION_UNKNOWN",
  "RECOVERING",
  "SERVER_STOPPING",
  "JOURNAL_FAILED",
  "DEADLINE_EXCEEDED",
]);

/** Runs something that may end with any of the errors an application must expect. */
export async function attempt(world: World, operation: () => Promise<unknown>): Promise<void> {
  try {
    await operation();
  } catch (error) {
    note(world, error);
  }
}

/** Marks what an operation ended with. @throws the error when nobody promised it */
function note({ marks }: World, error: unknown): void {
  if (error === GIVEN_UP || error instanceof Fenced) return;
  if (error instanceof NotGrantedError || error instanceof ClientClosedError) return;
  if (error instanceof LockLostError) marks.hit(`lock lost: ${error.reason}`);
  else if (error instanceof SessionLostError) marks.hit(`session lost: ${error.reason}`);
  else if (error instanceof ServerUnreachableError) marks.hit("server unreachable");
  else if (error instanceof LockReleasedError) return;
  else if (error instanceof RequestError && EXPECTED_REASONS.has(error.reason)) return;
  else throw error;
}
