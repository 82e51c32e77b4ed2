/** A live key of a dataset. */
export interface Row {
  /** The key, opaque bytes. */
  readonly key: Uint8Array;
  /** The value, opaque bytes; may be empty. */
  readonly value: Uint8Array;
  /** The seq of the change that wrote it last. */
  readonly seq: bigint;
  /** The version of the value's form, the writer's own. */
  readonly schemaVersion: number;
}

/** A row as a store keeps it, with what the digest knows of it. */
export interface StoredRow extends Row {
  /** The bucket of its key, 0 to 65,535. */
  readonly bucket: number;
  /** Its entry hash, 32 bytes. */
  readonly entryHash: Uint8Array;
}

/** A place in a log: a seq, and the log hash after it. */
export interface Position {
  readonly seq: bigint;
  readonly logHash: Uint8Array;
}

/** What a bucket of the digest holds. */
export interface Bucket {
  readonly bucket: number;
  readonly count: number;
  readonly sum: Uint8Array;
}

/** Which dataset it is: a dataset that was made anew under the same name is another. */
export interface DatasetIdentity {
  readonly datasetId: bigint;
  /** The salt of its digest, 16 bytes. */
  readonly salt: Uint8Array;
  /** The epoch in which it was created. */
  readonly createdEpoch: bigint;
}

/** Whether two byte strings are the same. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at += 1) if (left[at] !== right[at]) return false;
  return true;
}

/** Bytes as a text of one character each, in the same order: what a map or a sort can take as a key. */
export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
