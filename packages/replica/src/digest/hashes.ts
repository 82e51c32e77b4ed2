import {
  BatchHasher,
  bucketOf,
  type Change,
  type ContentHashes,
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
  readonly #batches: BatchHasher;
  readonly #createdEpoch: bigint;

  constructor(dataset: string, { salt, createdEpoch }: DatasetIdentity, sha256: Sha256) {
    this.#hasher = new DigestHasher({ salt, dataset, partition: dataset }, sha256);
    this.#batches = new BatchHasher(this.#hasher);
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

  /**
   * Changes that follow one another with their hashes, and the log hash after each.
   * @param logHash the log hash before them
   */
  changes(
    changes: readonly Change[],
    logHash: Uint8Array,
  ): { hashed: readonly HashedChange[]; logHashes: readonly Uint8Array[] } {
    const contents = this.#batches.contents(changes);
    const { entryHashes, logHashes } = this.#batches.logged(changes, contents, logHash);
    const hashed = changes.map((change, at): HashedChange => {
      const { keyHash } = contents[at] as ContentHashes;
      const bucket = bucketOf(keyHash);
      const entryHash = entryHashes[at];
      if (!entryHash) return { change, bucket, row: undefined };
      const { key, value, seq, schemaVersion } = change;
      return { change, bucket, row: { key, value, seq, schemaVersion, bucket, entryHash } };
    });
    return { hashed, logHashes };
  }
}
