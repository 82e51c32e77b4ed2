import { createHash } from "node:crypto";
import type { SnapshotPosition } from "../journal.ts";
import { CHAIN_START, tagOf } from "./encoding.ts";

/**
 * Checksums of what lies beside the hash chain, because SQLite does not notice a flipped bit. Integers
 * are unsigned, big-endian.
 *
 * ```
 * base     = SHA-256( tag "base" | revision u64 | epoch u64 | floor u64 | chain hash, 32 bytes )
 * chunk    = SHA-256( tag "chunk" | checksum of the chunk before, 32 bytes | bytes )
 * segment  = SHA-256( tag "segment" | first revision u64 | last revision u64 | bytes )
 * snapshot = SHA-256( tag "snapshot" | revision u64 | epoch u64 | first chunk u64 | chunks u64 | checksum of the last chunk, 32 bytes )
 * tag t    = length u32 | "lockstep.journal." t ".v1"
 * ```
 *
 * The checksum before the first chunk is 32 zero bytes. So that of a snapshot covers every byte of it,
 * the order of its chunks, and what it is a snapshot of.
 */
export interface SnapshotHead extends SnapshotPosition {
  /** The number of its first chunk; the others follow. */
  readonly firstChunk: bigint;
  /** How many chunks it has. */
  readonly chunks: bigint;
}

/** Where the chain goes on after records were dropped. */
export interface Base {
  /** The last revision of the last batch that was dropped. */
  readonly revision: bigint;
  readonly epoch: bigint;
  /** The floor when it was dropped. */
  readonly floor: bigint;
  /** The chain hash of that batch. */
  readonly chain: Uint8Array;
}

/** The base of a chain from which nothing was dropped. */
export const NOTHING_DROPPED: Base = { revision: 0n, epoch: 0n, floor: 0n, chain: CHAIN_START };

/** The checksum before the first chunk of a snapshot. */
export const CHUNKS_START: Uint8Array = new Uint8Array(32);

/** The checksum of a base. */
export function baseChecksum({ revision, epoch, floor, chain }: Base): Uint8Array {
  return tagged("base")
    .update(numbers(revision, epoch, floor))
    .update(chain)
    .digest();
}

/** The checksum of a chunk, which covers those before it. */
export function chunkChecksum(previous: Uint8Array, bytes: Uint8Array): Uint8Array {
  return tagged("chunk").update(previous).update(bytes).digest();
}

/** The checksum of a segment of the index. */
export function segmentChecksum(first: bigint, last: bigint, bytes: Uint8Array): Uint8Array {
  return tagged("segment").update(numbers(first, last)).update(bytes).digest();
}

/** The checksum of a snapshot. */
export function snapshotChecksum(head: SnapshotHead, lastChunk: Uint8Array): Uint8Array {
  const { revision, epoch, firstChunk, chunks } = head;
  const what = numbers(revision, epoch, firstChunk, chunks);
  return tagged("snapshot").update(what).update(lastChunk).digest();
}

function tagged(name: string) {
  return createHash("sha256").update(tagOf(`lockstep.journal.${name}.v1`));
}

function numbers(...values: readonly bigint[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [at, value] of values.entries()) bytes.writeBigUInt64BE(value, 8 * at);
  return bytes;
}
