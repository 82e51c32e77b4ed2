import type { Op } from "@lockstep/core";
import type { LaneResult } from "./datasets/facts-lane.ts";
import type { OpenReply } from "./open-reply.ts";

/** An operation that waits for its turn. `op` undefined is the tick. */
export interface Submission {
  readonly op: Op | undefined;
  readonly pending: OpenReply | undefined;
  /** What was read of the rows that it names. */
  read?: LaneResult<Submission> | undefined;
}

/** What keeps a session alive: it is decided whatever else must wait. */
export function isRenewal({ op }: Submission): boolean {
  return op?.kind === "keepAlive";
}
