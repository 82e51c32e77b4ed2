import {
  bucketOf,
  type Change,
  ChangeOp,
  DigestHasher,
  type Row as RowMessage,
  type Sha256,
} from "@lockstep/protocol";
import type { DatasetIdentity, Position, Row, StoredRow } from "../rows.ts";

/** A change with what it does to row and digest. */
export interface HashedChange {
  readonly change: Change;
  readonly bucket: number;
  /** The row that a PUT writes; undefined of everything else. */
  readonly row: StoredRow | undefined;
}

/** The hashes of one dataset. */
export class Hashes {
  readonly #hasher: DigestHasher;
  readonly #createdEpoch: bigint;

  constructor(dataset: string, { salt, createdEpoch }: DatasetIdentity, sha256: Sha256) {
    this.#hasher = new DigestHasher({ salt, dataset, partition: dataset }, sha256);
    this.#createdEpoch = createdEpoch;
  }

  /** The beginning of the log. */
  first(): Position {
    return { seq: 0n, logHash: this.#hasher.firstLogHash(this.#createdEpoch) };
  }

  /** A row as its key, value, seq and schema version make it, whatever else is said of it. */
  stored({ key, value, seq, schemaVersion }: Row | RowMessage): StoredRow {
    const keyHash = this.#hasher.keyHash(key);
    const valueHash = this.#hasher.valueHash(value);
    const entryHash = this.#hasher.entryHash(keyHash, seq, schemaVersion, valueHash);
    return { key, value, seq, schemaVersion, bucket: bucketOf(keyHash), entryHash };
  }

  /** A change with its hashes, and the log hash after it. */
  change(change: Change, logHash: Uint8Array): { hashed: HashedChange; logHash: Uint8Array } {
    const hasher = this.#hasher;
    const { op, key, value, seq, schemaVersion } = change;
    const keyHash = hasher.keyHash(key);
    const bucket = bucketOf(keyHash);
    const valueHash = op === ChangeOp.DELETE ? undefined : hasher.valueHash(value);
    const next = hasher.nextLogHash(logHash, hasher.changeHash(change, keyHash, valueHash));
    if (op !== ChangeOp.PUT || !valueHash)
      return { hashed: { change, bucket, row: undefined }, logHash: next };
    const entryHash = hasher.entryHash(keyHash, seq, schemaVersion, valueHash);
    const row = { key, value, seq, schemaVersion, bucket, entryHash };
    return { hashed: { change, bucket, row }, logHash: next };
  }
}
