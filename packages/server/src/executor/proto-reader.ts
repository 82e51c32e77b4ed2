const VARINT_BYTES_MAX = 8;
const SMALL_MAX = 2 ** 31 - 1;
/** Stands for bytes that are no UTF-8, unless it was written. */
const REPLACEMENT = "\ufffd";

/** What it reads is not what it can read: the bytes are left to the protobuf library. */
export class UnreadError extends Error {
  override readonly name = "UnreadError";
}

/** Reads protobuf fields one after the other, those that a few frequent messages have. */
export class ProtoReader {
  readonly #bytes: Buffer;
  #at = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.byteLength;
  }

  /**
   * The tag of the next field, its number times 8 and its wire type; 0 at the end of the message.
   * @throws UnreadError
   */
  tag(): number {
    if (this.#at >= this.#end) return 0;
    const tag = this.number();
    if (tag === 0) throw new UnreadError("a field without a number");
    return tag;
  }

  /** @throws UnreadError above 2^53 − 1, and when the message is shorter */
  number(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < VARINT_BYTES_MAX && this.#at < this.#end; count++) {
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80 && value <= Number.MAX_SAFE_INTEGER) return value;
      scale *= 0x80;
    }
    throw new UnreadError("a number is longer than is read here");
  }

  /** @throws UnreadError above 2^31 − 1, and when the message is shorter */
  small(): number {
    const value = this.number();
    if (value > SMALL_MAX) throw new UnreadError("a number is larger than is read here");
    return value;
  }

  bigint(): bigint {
    return BigInt(this.number());
  }

  fixed64(): bigint {
    const at = this.#at;
    this.#skip(8);
    return this.#bytes.readBigUInt64LE(at);
  }

  /** @throws UnreadError when it may not be UTF-8, and when the message is shorter */
  text(): string {
    const length = this.number();
    const at = this.#at;
    this.#skip(length);
    const text = this.#bytes.toString("utf8", at, at + length);
    if (text.includes(REPLACEMENT)) throw new UnreadError("a text may not be UTF-8");
    return text;
  }

  bytes(): Uint8Array {
    const length = this.number();
    const at = this.#at;
    this.#skip(length);
    return new Uint8Array(this.#bytes.subarray(at, at + length));
  }

  /** Reads a message inside this one. */
  message(readField: (tag: number) => void): void {
    const length = this.number();
    const end = this.#end;
    if (this.#at + length > end) throw new UnreadError("a message ends early");
    this.#end = this.#at + length;
    for (let tag = this.tag(); tag !== 0; tag = this.tag()) readField(tag);
    this.#end = end;
  }

  #skip(bytes: number): void {
    if (this.#at + bytes > this.#end) throw new UnreadError("a message ends early");
    this.#at += bytes;
  }
}
