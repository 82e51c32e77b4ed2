/** Bytes of the tag that every input starts with. */
const TAG_BYTES = 8;

const FIRST_CAPACITY = 1_024;

/**
 * Where the input of a hash is put together: integers big-endian, `LP(b)` as its length in four bytes and `b`. One is
 * used again and again; it grows to the longest input it has had.
 */
export class Preimage {
  readonly #encoder = new TextEncoder();
  #bytes = new Uint8Array(FIRST_CAPACITY);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** The bytes so far, valid until something is added. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Starts a new input with its tag, 8 ASCII characters. */
  begin(tag: string): this {
    for (let at = 0; at < TAG_BYTES; at += 1) this.#bytes[at] = tag.charCodeAt(at);
    this.#length = TAG_BYTES;
    return this;
  }

  /** Starts a new input with bytes as they are. */
  beginWith(bytes: Uint8Array): this {
    this.#length = 0;
    return this.raw(bytes);
  }

  /** Adds bytes as they are. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Adds `LP(bytes)`. */
  lengthPrefixed(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** Adds `LP` of the text's UTF-8. */
  text(text: string): this {
    // No UTF-16 unit takes more than three bytes.
    this.#reserve(4 + 3 * text.length);
    const from = this.#length + 4;
    const { written } = this.#encoder.encodeInto(text, this.#bytes.subarray(from));
    this.#view.setUint32(this.#length, written);
    this.#length = from + written;
    return this;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#view.setUint8(this.#length, value);
    this.#length += 1;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
    return this;
  }

  u64(value: bigint): this {
    this.#reserve(8);
    this.#view.setBigUint64(this.#length, value);
    this.#length += 8;
    return this;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * needed);
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
