import { crc32 } from "node:zlib";

/**
 * Checksums of the tables' rows: SQLite does not notice a flipped bit. Each covers the dataset, the key and
 * every column of its part, so that any byte that is not as it was written shows.
 */
const scratch = Buffer.alloc(40);

/** Of what an append needs to know of a row. */
export function headChecksum(
  dataset: bigint,
  row: {
    readonly key: Uint8Array;
    readonly bucket: number;
    readonly seq: bigint;
    readonly schemaVersion: number;
    readonly entryHash: Uint8Array;
    readonly bytes: number;
  },
): number {
  scratch.writeBigUInt64BE(dataset, 0);
  scratch.writeBigUInt64BE(row.seq, 8);
  scratch.writeUInt32BE(row.bucket, 16);
  scratch.writeUInt32BE(row.schemaVersion, 20);
  scratch.writeUInt32BE(row.bytes, 24);
  return crc32(row.entryHash, crc32(row.key, crc32(scratch.subarray(0, 28))));
}

/** Of a whole row: its value, going on from the checksum of its head. */
export function rowChecksum(head: number, value: Uint8Array): number {
  return crc32(value, head);
}

/** Of the changes of an append. */
export function changesChecksum(
  dataset: bigint,
  changes: {
    readonly firstSeq: bigint;
    readonly lastSeq: bigint;
    readonly logHash: Uint8Array;
    readonly bytes: Uint8Array;
  },
): number {
  scratch.writeBigUInt64BE(dataset, 0);
  scratch.writeBigUInt64BE(changes.firstSeq, 8);
  scratch.writeBigUInt64BE(changes.lastSeq, 16);
  return crc32(changes.bytes, crc32(changes.logHash, crc32(scratch.subarray(0, 24))));
}

/** Of a remembered idempotency key. */
export function recordChecksum(
  dataset: bigint,
  key: string,
  seq: bigint,
  timestampMs: bigint,
  payloadHash: Uint8Array,
): number {
  scratch.writeBigUInt64BE(dataset, 0);
  scratch.writeBigUInt64BE(seq, 8);
  scratch.writeBigInt64BE(timestampMs, 16);
  return crc32(payloadHash, crc32(key, crc32(scratch.subarray(0, 24))));
}

/** Of a checkpoint. */
export function checkpointChecksum(
  dataset: bigint,
  checkpoint: {
    readonly seq: bigint;
    readonly logHash: Uint8Array;
    readonly count: bigint;
    readonly root: Uint8Array;
  },
  decidedAtMs: bigint,
): number {
  scratch.writeBigUInt64BE(dataset, 0);
  scratch.writeBigUInt64BE(checkpoint.seq, 8);
  scratch.writeBigUInt64BE(checkpoint.count, 16);
  scratch.writeBigInt64BE(decidedAtMs, 24);
  return crc32(checkpoint.root, crc32(checkpoint.logHash, crc32(scratch.subarray(0, 32))));
}
