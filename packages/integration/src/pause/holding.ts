/** The time to live of a paused holder's session, milliseconds. */
export const HOLDER_TTL_MS = 2_000;

/** Where a writer shows its sequencer. */
export const SEQUENCER_HEADER = "x-sequencer";

/** The ways a program has to make sure, right before it writes, that it still holds its lock. */
export const cares = ["assertHeld", "aborted", "throwIfAborted", "state", "fetch"] as const;

/** One of them, or none at all. */
export type Care = (typeof cares)[number] | "none";
