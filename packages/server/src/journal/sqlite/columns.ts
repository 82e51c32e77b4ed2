/** Something in the database is not what was written. The message says what. */
export class BatchDamage extends Error {
  override readonly name = "BatchDamage";
}

/** A number of a row. @throws BatchDamage when it is none */
export function asInteger(value: unknown): bigint {
  if (typeof value === "bigint" && value >= 0n) return value;
  throw new BatchDamage("a number is not what was written");
}

/** The bytes of a row. @throws BatchDamage when it has none */
export function asBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new BatchDamage("a record is not what was written");
}

/** Whether two byte strings are the same. */
export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
