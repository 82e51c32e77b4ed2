import { type Change, ChangeOp } from "@lockstep/protocol";
import { PlainDigest } from "./plain-digest.ts";

/** What is remembered of an idempotency key. */
interface Remembered {
  readonly seq: bigint;
  readonly content: string;
}

/** A change as a writer sends it. */
export type Sent = Pick<Change, "op" | "key" | "value" | "schemaVersion" | "idempotencyKey"> & {
  readonly expectedKeySeq?: bigint | undefined;
};

/** What a writer asks beside its changes. */
export interface Asked {
  readonly expectedHeadSeq?: bigint | undefined;
  readonly sinceSeq?: bigint | undefined;
  /** At how many replicas in sync it must be appended at least; 0: nobody is asked. */
  readonly needed: number;
}

/** A dataset as the specification tells it, in maps, without any regard for cost. */
export class DatasetModel {
  readonly digest: PlainDigest;
  readonly log: Change[] = [];
  readonly rows = new Map<string, Change>();
  readonly records = new Map<string, Remembered>();
  logHash: Buffer;
  /** The ends of batches, with the log hash there. */
  readonly ends = new Map<bigint, Buffer>();
  /** The head from each moment on. */
  readonly heads: { readonly atMs: number; readonly seq: bigint }[] = [];
  floor = 0n;
  dropped = 0n;
  maxBytes = 0;
  minInSync = 0;

  constructor(salt: Uint8Array, name: string, epoch: bigint) {
    this.digest = new PlainDigest(salt, name);
    this.logHash = this.digest.start(epoch);
    this.ends.set(0n, this.logHash);
  }

  get head(): bigint {
    return BigInt(this.log.length);
  }

  get bytes(): number {
    return sizeOf(this.rows);
  }

  /** How many of the changes have been appended before; or why the batch is refused. */
  refusalOf(changes: readonly Sent[], asked: Asked, inSync: number): string | undefined {
    const fresh = changes.filter(({ idempotencyKey }) => !this.records.has(idempotencyKey));
    const isConflict = changes.some((one) => {
      const known = this.records.get(one.idempotencyKey);
      return known !== undefined && known.content !== contentOf(one);
    });
    if (isConflict) return "IDEMPOTENCY_CONFLICT";
    const isAsked = asked.sinceSeq !== undefined && fresh.some((one) => one.idempotencyKey !== "");
    if (isAsked && (asked.sinceSeq as bigint) < this.dropped) return "IDEMPOTENCY_EXPIRED";
    if (isAsked && (asked.sinceSeq as bigint) > this.head) return "LOG_DIVERGED";
    if (fresh.length === 0) return undefined;
    if (asked.expectedHeadSeq !== undefined && asked.expectedHeadSeq !== this.head)
      return "HEAD_MISMATCH";
    for (const { key, expectedKeySeq } of fresh) {
      const seq = this.rows.get(textOf(key))?.seq ?? 0n;
      if (expectedKeySeq !== undefined && expectedKeySeq !== seq) return "KEY_MISMATCH";
    }
    const after = new Map(this.rows);
    for (const one of fresh) {
      if (one.op === ChangeOp.PUT) after.set(textOf(one.key), one as unknown as Change);
      else after.delete(textOf(one.key));
    }
    const size = sizeOf(after);
    if (this.maxBytes > 0 && size > this.maxBytes && size > this.bytes) return "DATASET_FULL";
    return inSync < asked.needed ? "NOT_ENOUGH_IN_SYNC" : undefined;
  }

  /** Appends what is new of a batch; the seq of each change, and whether it was there before. */
  append(
    changes: readonly Sent[],
    common: Pick<Change, "origin" | "correlationId" | "timestampMs">,
    atMs: number,
  ): { seq: bigint; duplicate: boolean }[] {
    const known = changes.map(({ idempotencyKey }) => this.records.get(idempotencyKey)?.seq);
    const told = changes.map((one, at) => {
      const before = known[at];
      if (before !== undefined) return { seq: before, duplicate: true };
      const { expectedKeySeq: _, ...rest } = one;
      const seq = this.head + 1n;
      this.#write({ $typeName: "lockstep.v1.Change", ...rest, ...common, seq });
      if (one.idempotencyKey !== "")
        this.records.set(one.idempotencyKey, { seq, content: contentOf(one) });
      return { seq, duplicate: false };
    });
    if (known.includes(undefined)) this.endBatch(atMs);
    return told;
  }

  /** Adds an entry that changes no row. */
  control(change: Change, atMs: number): void {
    this.#write(change);
    this.endBatch(atMs);
  }

  endBatch(atMs: number): void {
    this.ends.set(this.head, this.logHash);
    this.heads.push({ atMs, seq: this.head });
  }

  /** The head at a moment. */
  headAt(atMs: number): bigint {
    return this.heads.findLast((one) => one.atMs <= atMs)?.seq ?? 0n;
  }

  /** Forgets the changes up to a floor, and idempotency keys. */
  trim(floor: bigint, dropped: bigint): void {
    this.floor = floor;
    this.dropped = dropped;
    for (const [key, { seq }] of this.records) if (seq <= dropped) this.records.delete(key);
  }

  root(): Buffer {
    return this.digest.root(this.rows.values());
  }

  #write(change: Change): void {
    this.log.push(change);
    this.logHash = this.digest.next(this.logHash, change);
    if (change.op === ChangeOp.PUT) this.rows.set(textOf(change.key), change);
    if (change.op === ChangeOp.DELETE) this.rows.delete(textOf(change.key));
  }
}

function contentOf({ op, key, value, schemaVersion }: Sent): string {
  return JSON.stringify([op, textOf(key), textOf(value), schemaVersion]);
}

function sizeOf(rows: ReadonlyMap<string, Change>): number {
  return [...rows.values()].reduce((sum, { key, value }) => sum + key.length + value.length, 0);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
