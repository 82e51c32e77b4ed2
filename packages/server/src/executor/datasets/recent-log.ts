import type { Change, Checkpoint } from "@lockstep/protocol";
import { changeBytes } from "../../journal/change-bytes.ts";
import type { StoredChanges } from "../../journal/tables.ts";

/** How much of a log is kept for those who have caught up. */
const RECENT_BYTES_MAX = 1024 * 1024;

interface RecentBatch {
  readonly prevSeq: bigint;
  readonly changes: readonly Change[];
  readonly lastSeq: bigint;
  readonly logHash: Uint8Array;
  readonly bytes: number;
  /** The checkpoint of its last seq, once there is one. */
  checkpoint: Checkpoint | undefined;
}

/** The last durable batches of a log, so that many who follow it do not read the same from the disk. */
export class RecentLog {
  #batches: RecentBatch[] = [];
  #bytes = 0;

  /** Takes a durable batch. */
  add(changes: readonly Change[], logHash: Uint8Array): void {
    const [first, last] = [changes[0], changes.at(-1)];
    if (first === undefined || last === undefined) return;
    const bytes = changes.reduce((sum, change) => sum + changeBytes(change), 0);
    const [prevSeq, lastSeq] = [first.seq - 1n, last.seq];
    this.#batches.push({ prevSeq, changes, lastSeq, logHash, bytes, checkpoint: undefined });
    this.#bytes += bytes;
    while (this.#bytes > RECENT_BYTES_MAX && this.#batches.length > 1) {
      this.#bytes -= this.#batches.shift()?.bytes ?? 0;
    }
  }

  /** Takes a durable checkpoint, which is of the head. */
  addCheckpoint(checkpoint: Checkpoint): void {
    const last = this.#batches.at(-1);
    if (last?.lastSeq === checkpoint.seq) last.checkpoint = checkpoint;
  }

  /** Nobody follows: nothing is kept. */
  clear(): void {
    this.#batches = [];
    this.#bytes = 0;
  }

  /** What follows a seq, as the tables would tell it; undefined when it is not all here. */
  read(afterSeq: bigint, afterCheckpoint: bigint, maxBytes: number): StoredChanges | undefined {
    let at = this.#batches.length - 1;
    while (at >= 0 && (this.#batches[at] as RecentBatch).lastSeq > afterSeq) at -= 1;
    const standing = this.#batches[at];
    if (standing?.lastSeq !== afterSeq) return undefined;
    const changes: Change[] = [];
    const batchEnds: bigint[] = [];
    const logHashes: Uint8Array[] = [];
    const checkpoints: Checkpoint[] = [];
    const tell = ({ checkpoint }: RecentBatch) => {
      if (checkpoint !== undefined && checkpoint.seq > afterCheckpoint)
        checkpoints.push(checkpoint);
    };
    tell(standing);
    let bytes = 0;
    for (const batch of this.#batches.slice(at + 1)) {
      bytes += batch.bytes;
      if (bytes > maxBytes && changes.length > 0) break;
      changes.push(...batch.changes);
      batchEnds.push(batch.lastSeq);
      logHashes.push(batch.logHash);
      tell(batch);
    }
    return { changes, batchEnds, logHashes, checkpoints };
  }
}
