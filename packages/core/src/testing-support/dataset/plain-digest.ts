import { createHash } from "node:crypto";
import { type Change, ChangeOp } from "@lockstep/protocol";

// The digest as its specification is written, with big integers and maps, to compare with.

const LEVELS = 4;
const FAN_OUT = 16;
const MODULUS = 2n ** 256n;
const ZERO = Buffer.alloc(32);

type Part = Uint8Array | string;

function h(...parts: Part[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function u(bits: 8 | 16 | 32 | 64, value: bigint | number): Buffer {
  return Buffer.from(
    BigInt(value)
      .toString(16)
      .padStart(bits / 4, "0"),
    "hex",
  );
}

function lp(part: Part): Buffer {
  const bytes = Buffer.from(part as string);
  return Buffer.concat([u(32, bytes.length), bytes]);
}

function littleEndian(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

/** The hashes of a dataset. */
export class PlainDigest {
  readonly #salt: Uint8Array;
  readonly #partition: string;
  readonly #dataset: string;

  constructor(salt: Uint8Array, dataset: string, partition = dataset) {
    this.#salt = salt;
    this.#dataset = dataset;
    this.#partition = partition;
  }

  keyHash(key: Uint8Array): Buffer {
    return h("drv1-key", this.#salt, lp(this.#partition), lp(key));
  }

  /** The log hash at 0. */
  start(epoch: bigint): Buffer {
    return h("drv1-gen", this.#salt, lp(this.#dataset), lp(this.#partition), u(64, epoch));
  }

  /** The log hash after one more change. */
  next(logHash: Uint8Array, change: Change): Buffer {
    const isDelete = change.op === ChangeOp.DELETE;
    const changeHash = h(
      "drv1-chg",
      u(64, change.seq),
      u(8, change.op),
      this.keyHash(change.key),
      u(32, change.schemaVersion),
      isDelete ? ZERO : h(change.value),
      u(64, change.timestampMs),
      lp(change.origin),
      lp(change.idempotencyKey),
      lp(change.correlationId),
    );
    return h("drv1-log", logHash, changeHash);
  }

  /** The root over rows, each the change that wrote it last. */
  root(rows: Iterable<Change>): Buffer {
    const buckets = new Map<number, { count: number; sum: bigint }>();
    for (const { key, seq, schemaVersion, value } of rows) {
      const keyHash = this.keyHash(key);
      const entry = h("drv1-ent", keyHash, u(64, seq), u(32, schemaVersion), h(value));
      const bucket = keyHash.readUInt16BE(0);
      const { count, sum } = buckets.get(bucket) ?? { count: 0, sum: 0n };
      buckets.set(bucket, { count: count + 1, sum: (sum + littleEndian(entry)) % MODULUS });
    }
    let level = new Map<number, Buffer>();
    for (const [bucket, { count, sum }] of buckets) {
      const bytes = Buffer.from(sum.toString(16).padStart(64, "0"), "hex").reverse();
      level.set(bucket, h("drv1-lea", u(16, bucket), u(64, count), bytes));
    }
    for (let l = LEVELS - 1; l >= 0; l--) level = parentsOf(level, l);
    return level.get(0) ?? ZERO;
  }
}

function parentsOf(children: ReadonlyMap<number, Buffer>, level: number): Map<number, Buffer> {
  const indices = new Set([...children.keys()].map((index) => Math.floor(index / FAN_OUT)));
  return new Map(
    [...indices].map((index) => {
      const own = Array.from({ length: FAN_OUT }, (_, at) => children.get(index * FAN_OUT + at));
      return [index, h("drv1-nod", u(8, level), u(16, index), ...own.map((one) => one ?? ZERO))];
    }),
  );
}
