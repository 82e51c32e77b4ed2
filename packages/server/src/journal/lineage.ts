import type { JournalPosition } from "./journal.ts";

/**
 * Where a new lineage really begins: at the place asked for, but above everything ever known here.
 * @param asked the first revision and the epoch the caller would like
 */
export function lineageStart(asked: JournalPosition, highest: JournalPosition): JournalPosition {
  return {
    revision: larger(asked.revision, highest.revision + 1n),
    epoch: larger(asked.epoch, highest.epoch + 1n),
  };
}

/** The position one below, which is what a journal opened for a new lineage reports as its highest. */
export function justBelow(position: JournalPosition): JournalPosition {
  return { revision: position.revision - 1n, epoch: position.epoch - 1n };
}

/** The larger of two. */
export function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** The smaller of two. */
export function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
