import { journalLimits } from "./check-batch.ts";
import type { JournalState, SnapshotPosition } from "./journal.ts";

/**
 * Holds a snapshot that is to be written to the bounds of the port.
 * @throws RangeError naming the bound
 */
export function checkSnapshot({ revision, epoch }: SnapshotPosition, state: JournalState): void {
  if (revision < 1n || revision > state.tail) {
    throw new RangeError(
      `a snapshot of revision ${revision} is not in a journal up to ${state.tail}`,
    );
  }
  if (state.snapshot !== undefined && revision < state.snapshot) {
    throw new RangeError(
      `a snapshot of revision ${revision} is older than that of ${state.snapshot}`,
    );
  }
  if (epoch < 1n || epoch > state.epoch) {
    throw new RangeError(
      `a snapshot of epoch ${epoch} is not in a journal of epoch ${state.epoch}`,
    );
  }
}

/**
 * Holds a chunk of a snapshot to the bounds of the port.
 * @param ordinal how many come before it
 * @throws RangeError naming the bound
 */
export function checkChunk(chunk: Uint8Array, ordinal: number): void {
  const { maxSnapshotChunks, maxSnapshotChunkBytes } = journalLimits;
  if (ordinal >= maxSnapshotChunks) {
    throw new RangeError(`a snapshot has at most ${maxSnapshotChunks} chunks`);
  }
  if (chunk.length < 1 || chunk.length > maxSnapshotChunkBytes) {
    throw new RangeError(
      `a chunk of a snapshot has 1 to ${maxSnapshotChunkBytes} bytes, not ${chunk.length}`,
    );
  }
}

/**
 * Holds the floor of a compaction to what the snapshot covers.
 * @throws RangeError
 */
export function checkFloor(floor: bigint, { snapshot, floor: present }: JournalState): void {
  if (floor <= present || (snapshot !== undefined && floor <= snapshot)) return;
  const covered = snapshot === undefined ? "there is none" : `that is of revision ${snapshot}`;
  throw new RangeError(`records up to ${floor} cannot be dropped without a snapshot; ${covered}`);
}
