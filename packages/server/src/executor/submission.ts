import type { Op } from "@lockstep/core";
import type { LaneResult } from "./datasets/facts-lane.ts";
import type { OpenReply } from "./open-reply.ts";

/** An operation that waits for its turn. */
export interface Submission {
  readonly op: Op;
  readonly pending: OpenReply;
  /** What was read of the rows that it names. */
  readonly read?: LaneResult<Submission> | undefined;
}

/** Whatever is due, waiting for its turn. */
export const TICK = "tick";

/** What waits for its turn. */
export type Waiting = Submission | typeof TICK;

/** What keeps a session alive: it is decided whatever else must wait. */
export function isRenewal(waiting: Waiting): boolean {
  return waiting !== TICK && waiting.op.kind === "keepAlive";
}
