import { create } from "@bufbuild/protobuf";
import {
  type Change,
  ChangeOp,
  ChangeSchema,
  type Checkpoint,
  CheckpointSchema,
  DigestAccumulator,
  portableSha256,
} from "@lockstep/protocol";
import { type HashedChange, Hashes } from "../digest/hashes.ts";
import { type Position, type StoredRow, textOf } from "../rows.ts";

/** What a test appends: a value, or nothing for a DELETE. */
export interface Write {
  readonly key: Uint8Array;
  readonly value?: Uint8Array;
  readonly schemaVersion?: number;
  readonly op?: ChangeOp;
}

export const text = (bytes: string): Uint8Array => new TextEncoder().encode(bytes);
export const put = (key: string, value: string, schemaVersion = 1): Write => ({
  key: text(key),
  value: text(value),
  schemaVersion,
});
export const del = (key: string): Write => ({ key: text(key) });

/** A dataset as its server has it: log, rows, digest and checkpoints, all kept by the definition. */
export class FakeLog {
  readonly dataset = "orders";
  readonly datasetId = 7n;
  readonly salt: Uint8Array;
  readonly createdEpoch = 1n;
  readonly hashes: Hashes;
  readonly changes: Change[] = [];
  /** The log hash after each change, that of the beginning first. */
  readonly logHashes: Uint8Array[] = [];
  /** The seqs at which batches end. */
  readonly ends: bigint[] = [];
  readonly rows = new Map<string, StoredRow>();
  digest = new DigestAccumulator();
  checkpoints: Checkpoint[] = [];
  floor = 0n;

  constructor(salt = new Uint8Array(16).fill(9)) {
    this.salt = salt;
    const identity = { datasetId: this.datasetId, salt, createdEpoch: this.createdEpoch };
    this.hashes = new Hashes(this.dataset, identity, portableSha256);
    this.logHashes.push(this.hashes.first().logHash);
  }

  get head(): Position {
    return this.at(BigInt(this.changes.length));
  }

  at(seq: bigint): Position {
    return { seq, logHash: this.logHashes[Number(seq)] as Uint8Array };
  }

  /** Appends a batch. */
  append(...writes: readonly Write[]): bigint {
    for (const { key, value, schemaVersion = 0, op } of writes) {
      const seq = BigInt(this.changes.length + 1);
      const change = create(ChangeSchema, {
        seq,
        timestampMs: 1_700_000_000_000n + seq,
        origin: "writer",
        schemaVersion,
        op: op ?? (value ? ChangeOp.PUT : ChangeOp.DELETE),
        key,
        value: value ?? new Uint8Array(),
      });
      const { hashed: all, logHashes } = this.hashes.changes([change], this.head.logHash);
      const hashed = all[0] as HashedChange;
      this.changes.push(change);
      this.logHashes.push(...logHashes);
      if (change.op === ChangeOp.PUT || change.op === ChangeOp.DELETE)
        this.#write(textOf(key), hashed.row, hashed.bucket);
    }
    this.ends.push(this.head.seq);
    return this.head.seq;
  }

  /** What a correct replica has at the head. */
  state(): Checkpoint {
    const { seq, logHash } = this.head;
    const count = BigInt(this.digest.count);
    return create(CheckpointSchema, { seq, logHash, count, root: this.digest.root() });
  }

  checkpoint(): Checkpoint {
    const checkpoint = this.state();
    this.checkpoints.push(checkpoint);
    return checkpoint;
  }

  /** Everything after a seq never was: the server was restored. */
  restore(seq: bigint): void {
    const kept = this.changes.splice(0).slice(0, Number(seq));
    const ends = this.ends.splice(0).filter((end) => end <= seq);
    this.logHashes.splice(1);
    this.rows.clear();
    this.digest = new DigestAccumulator();
    this.checkpoints = this.checkpoints.filter((checkpoint) => checkpoint.seq <= seq);
    let from = 0;
    for (const end of ends) {
      this.append(...kept.slice(from, Number(end)).map(writeOf));
      from = Number(end);
    }
  }

  #write(name: string, row: StoredRow | undefined, bucket: number): void {
    this.digest.update(bucket, this.rows.get(name)?.entryHash, row?.entryHash);
    if (row) this.rows.set(name, row);
    else this.rows.delete(name);
  }
}

function writeOf({ key, value, schemaVersion, op }: Change): Write {
  return { key, value, schemaVersion, op };
}
