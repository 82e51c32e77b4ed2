import { type Change, ChangeOp } from "../gen/lockstep/v1/dataset_pb.ts";
import { Preimage } from "./preimage.ts";
import { portableSha256, type Sha256 } from "./sha256.ts";

/** Bytes of every hash, and of a bucket's sum. */
export const HASH_BYTES = 32;
/** Bytes of a dataset's salt. */
const SALT_BYTES = 16;
/** What the hashes of one dataset have in common. */
export interface DigestScope {
  /** 16 random bytes, drawn when the dataset was created. */
  readonly salt: Uint8Array;
  /** The dataset's name. */
  readonly dataset: string;
  /** In this version of the digest, the dataset's name. */
  readonly partition: string;
}

/** What goes into the hash of a change beside the hashes of its key and value: a `Change` fits. Texts go in as UTF-8. */
export type HashedChange = Pick<
  Change,
  "seq" | "op" | "schemaVersion" | "timestampMs" | "origin" | "idempotencyKey" | "correlationId"
>;

/**
 * The hashes of a dataset's entries and of its log. Where an argument or a result is a hash, it has 32 bytes; a result
 * belongs to the caller. One instance serves one dataset and keeps nothing but room to work in.
 */
export class DigestHasher {
  readonly #sha256: Sha256;
  readonly #input = new Preimage();
  readonly #scope: DigestScope;
  /** What the input of every key hash begins with. */
  readonly keyStart: Uint8Array;
  readonly #zero = new Uint8Array(HASH_BYTES);

  /** @throws RangeError when the salt has not 16 bytes. */
  constructor(scope: DigestScope, sha256: Sha256 = portableSha256) {
    if (scope.salt.length !== SALT_BYTES)
      throw new RangeError(`a salt has ${SALT_BYTES} bytes, not ${scope.salt.length}`);
    this.#sha256 = sha256;
    this.#scope = { ...scope, salt: scope.salt.slice() };
    this.keyStart = this.#input
      .begin("drv1-key")
      .raw(scope.salt)
      .text(scope.partition)
      .bytes.slice();
  }

  /** Which key it is, without telling it to who does not know the salt. */
  keyHash(key: Uint8Array): Uint8Array {
    return this.#sha256(this.#input.beginWith(this.keyStart).lengthPrefixed(key).bytes);
  }

  valueHash(value: Uint8Array): Uint8Array {
    return this.#sha256(value);
  }

  /**
   * What a live key adds to its bucket.
   * @param seq of the change that last wrote the key, below 2^63
   * @param schemaVersion of that change, 0 to 2^32 - 1
   */
  entryHash(
    keyHash: Uint8Array,
    seq: bigint,
    schemaVersion: number,
    valueHash: Uint8Array,
  ): Uint8Array {
    const input = this.#input.begin("drv1-ent").raw(keyHash).u64(seq).u32(schemaVersion);
    return this.#sha256(input.raw(valueHash).bytes);
  }

  /**
   * @param keyHash the hash of the key; of a control entry, that of its kind
   * @param valueHash the hash of the value; undefined for a delete, and only for that
   * @throws TypeError when a delete has a value hash, or another change has none.
   */
  changeHash(
    change: HashedChange,
    keyHash: Uint8Array,
    valueHash: Uint8Array | undefined,
  ): Uint8Array {
    if ((valueHash === undefined) !== (change.op === ChangeOp.DELETE))
      throw new TypeError("a delete has no value hash, and every other change has one");
    const input = this.#input
      .begin("drv1-chg")
      .u64(change.seq)
      .u8(change.op)
      .raw(keyHash)
      .u32(change.schemaVersion)
      .raw(valueHash ?? this.#zero)
      .u64(change.timestampMs)
      .text(change.origin)
      .text(change.idempotencyKey)
      .text(change.correlationId);
    return this.#sha256(input.bytes);
  }

  /**
   * The log hash before the first change, `log_hash[0]`.
   * @param createdEpoch the epoch in which the dataset was created
   */
  firstLogHash(createdEpoch: bigint): Uint8Array {
    const { salt, dataset, partition } = this.#scope;
    const input = this.#input.begin("drv1-gen").raw(salt).text(dataset).text(partition);
    return this.#sha256(input.u64(createdEpoch).bytes);
  }

  /** The log hash after one more change. */
  nextLogHash(logHash: Uint8Array, changeHash: Uint8Array): Uint8Array {
    return this.#sha256(this.#input.begin("drv1-log").raw(logHash).raw(changeHash).bytes);
  }
}

/** The bucket a key belongs to, 0 to 65535. */
export function bucketOf(keyHash: Uint8Array): number {
  return ((keyHash[0] as number) << 8) | (keyHash[1] as number);
}
