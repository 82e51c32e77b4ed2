import { createHash } from "node:crypto";

const LEVELS = 4;
const CHILDREN = 16;
const ZERO = Buffer.alloc(32);

/** What a digest is computed for. */
export interface DigestScope {
  readonly salt: Uint8Array;
  /** The dataset's name, which is its partition too. */
  readonly dataset: string;
}

/** What a row is to its digest. */
export interface PlainRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly seq: bigint;
  readonly schemaVersion: number;
}

/** What a change is to the log. */
export interface PlainChange extends PlainRow {
  /** 1 put, 2 delete, 3 control. */
  readonly op: number;
  readonly timestampMs: bigint;
  readonly origin: string;
  readonly idempotencyKey: string;
  readonly correlationId: string;
}

/** An entry of the digest: where it counts, and what it adds there. */
export interface PlainEntry {
  readonly bucket: number;
  readonly hash: Buffer;
  readonly number: bigint;
}

/** The entry of a row, from the words of the specification. */
export function entryOf(
  scope: DigestScope,
  { key, value, seq, schemaVersion }: PlainRow,
): PlainEntry {
  const keyHash = keyHashOf(scope, key);
  const hash = sha256("drv1-ent", keyHash, u64(seq), u32(schemaVersion), sha256(value));
  return { bucket: keyHash.readUInt16BE(0), hash, number: fromLittleEndian(hash) };
}

/** The log hash before the first change. */
export function firstLogHash(scope: DigestScope, epoch: bigint): Buffer {
  const name = Buffer.from(scope.dataset);
  return sha256("drv1-gen", scope.salt, lp(name), lp(name), u64(epoch));
}

/** The log hash after a change. */
export function nextLogHash(scope: DigestScope, before: Uint8Array, change: PlainChange): Buffer {
  const changeHash = sha256(
    "drv1-chg",
    u64(change.seq),
    Buffer.from([change.op]),
    keyHashOf(scope, change.key),
    u32(change.schemaVersion),
    change.op === 2 ? ZERO : sha256(change.value),
    u64(change.timestampMs),
    ...[change.origin, change.idempotencyKey, change.correlationId].map((text) =>
      lp(Buffer.from(text)),
    ),
  );
  return sha256("drv1-log", before, changeHash);
}

/** The root over all entries, computed from nothing. */
export function rootOf(entries: Iterable<PlainEntry>): Buffer {
  const sums = new Map<number, { count: bigint; sum: bigint }>();
  for (const { bucket, number } of entries) {
    const before = sums.get(bucket) ?? { count: 0n, sum: 0n };
    const sum = BigInt.asUintN(256, before.sum + number);
    sums.set(bucket, { count: before.count + 1n, sum });
  }
  let nodes = new Map<number, Buffer>();
  for (const [bucket, { count, sum }] of sums)
    nodes.set(bucket, sha256("drv1-lea", u16(bucket), u64(count), littleEndian(sum)));
  for (let level = LEVELS - 1; level >= 0; level -= 1) nodes = above(nodes, level);
  return nodes.get(0) ?? ZERO;
}

function above(nodes: Map<number, Buffer>, level: number): Map<number, Buffer> {
  const parents = new Map<number, Buffer>();
  for (const index of new Set([...nodes.keys()].map((child) => Math.floor(child / CHILDREN)))) {
    const children = Array.from(
      { length: CHILDREN },
      (_, at) => nodes.get(index * CHILDREN + at) ?? ZERO,
    );
    parents.set(index, sha256("drv1-nod", Buffer.from([level]), u16(index), ...children));
  }
  return parents;
}

function keyHashOf({ salt, dataset }: DigestScope, key: Uint8Array): Buffer {
  return sha256("drv1-key", salt, lp(Buffer.from(dataset)), lp(key));
}

function sha256(...parts: (string | Uint8Array)[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function lp(bytes: Uint8Array): Buffer {
  return Buffer.concat([u32(bytes.length), bytes]);
}

function u16(number: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(number);
  return bytes;
}

function u32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

function u64(number: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(number);
  return bytes;
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

function littleEndian(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(64, "0"), "hex").reverse();
}
