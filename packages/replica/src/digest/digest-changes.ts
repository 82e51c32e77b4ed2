import type { DigestAccumulator } from "@lockstep/protocol";
import type { Bucket } from "../rows.ts";

/** Changes of a digest that belong to one transaction: written beside its rows, and taken back when it fails. */
export class DigestChanges {
  readonly #digest: DigestAccumulator;
  readonly #before = new Map<number, Bucket>();

  constructor(digest: DigestAccumulator) {
    this.#digest = digest;
  }

  /** @throws DigestError when the bucket cannot hold `before`: rows and digest do not belong together */
  update(bucket: number, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    this.#remember(bucket);
    this.#digest.update(bucket, before, after);
  }

  /** What a bucket holds from here on. */
  set(bucket: Bucket): void {
    this.#remember(bucket.bucket);
    this.#digest.setBucket(bucket.bucket, bucket);
  }

  /** The buckets that have changed, as they are now. */
  changed(): Bucket[] {
    return [...this.#before.keys()].map((bucket) => ({ bucket, ...this.#digest.bucket(bucket) }));
  }

  /** Everything is as before. */
  undo(): void {
    for (const [bucket, before] of this.#before) this.#digest.setBucket(bucket, before);
    this.#before.clear();
  }

  #remember(bucket: number): void {
    if (!this.#before.has(bucket))
      this.#before.set(bucket, { bucket, ...this.#digest.bucket(bucket) });
  }
}
