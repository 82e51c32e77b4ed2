import type { JournalBatch, JournalPosition, JournalRecord } from "./journal.ts";

/** How much a journal takes at once. */
export const journalLimits = {
  maxRecordsPerBatch: 65_536,
  /** The bytes and keys of all records of a batch together. */
  maxBatchBytes: 64 * 1024 * 1024,
  /** An append of 1 MiB with what its changes do to rows. */
  maxRecordBytes: 2 * 1024 * 1024,
  maxKeysPerRecord: 128,
  /** Of one key, in UTF-8. */
  maxKeyBytes: 512,
  maxSnapshotChunks: 65_536,
  maxSnapshotChunkBytes: 1024 * 1024,
  /** Revisions, and epochs as well, end below this. */
  endOfRevisions: 2n ** 63n,
} as const;

/**
 * Holds a batch to the bounds of the port.
 * @param known what the journal holds; the batch must lie above its revision and not below its epoch
 * @throws RangeError naming the bound
 */
export function checkBatch(batch: JournalBatch, known: JournalPosition): void {
  const count = batch.records.length;
  if (count < 1 || count > journalLimits.maxRecordsPerBatch) {
    throw new RangeError(
      `a batch has 1 to ${journalLimits.maxRecordsPerBatch} records, not ${count}`,
    );
  }
  if (batch.epoch < known.epoch || batch.epoch >= journalLimits.endOfRevisions) {
    throw new RangeError(`epoch ${batch.epoch} lies below ${known.epoch} or above 2^63 - 1`);
  }
  let previous: bigint | undefined;
  let bytes = 0;
  for (const record of batch.records) {
    checkRevision(record.revision, previous, known.revision);
    previous = record.revision;
    bytes += checkSize(record);
  }
  if (bytes > journalLimits.maxBatchBytes) {
    throw new RangeError(`a batch has at most ${journalLimits.maxBatchBytes} bytes, not ${bytes}`);
  }
}

function checkRevision(revision: bigint, previous: bigint | undefined, known: bigint): void {
  if (revision >= journalLimits.endOfRevisions) {
    throw new RangeError(`revision ${revision} lies above 2^63 - 1`);
  }
  if (previous === undefined ? revision <= known : revision !== previous + 1n) {
    throw new RangeError(`revision ${revision} does not follow ${previous ?? known}`);
  }
}

function checkSize({ revision, bytes, keys }: JournalRecord): number {
  if (bytes.length > journalLimits.maxRecordBytes) {
    throw new RangeError(
      `record ${revision} has ${bytes.length} bytes, the most is ${journalLimits.maxRecordBytes}`,
    );
  }
  if (keys.length > journalLimits.maxKeysPerRecord) {
    throw new RangeError(
      `record ${revision} names ${keys.length} keys, the most is ${journalLimits.maxKeysPerRecord}`,
    );
  }
  let size = bytes.length;
  for (const key of keys) {
    const keyBytes = Buffer.byteLength(key);
    if (keyBytes > journalLimits.maxKeyBytes) {
      throw new RangeError(
        `record ${revision} names a key of ${keyBytes} bytes, the most is ${journalLimits.maxKeyBytes}`,
      );
    }
    size += keyBytes;
  }
  return size;
}
