/**
 * An update that does not fit what its bucket holds: whoever gave it, or whoever kept the bucket, has lost an entry.
 * Nothing has been changed. The accumulator is no longer to be relied on, and is computed anew from the rows.
 */
export class DigestError extends Error {
  override readonly name = "DigestError";
  /** 0 to 65535. */
  readonly bucket: number;

  constructor(bucket: number, problem: string) {
    super(`bucket ${bucket} ${problem}`);
    this.bucket = bucket;
  }
}
