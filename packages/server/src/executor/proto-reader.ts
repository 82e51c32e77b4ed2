const VARINT_BYTES_MAX = 8;

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

  /** The tag of the next field, its number times 8 and its wire type; 0 at the end of the message. */
  tag(): number {
    return this.#at < this.#end ? this.number() : 0;
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

  bigint(): bigint {
    return BigInt(this.number());
  }

  fixed64(): bigint {
    const at = this.#at;
    this.#skip(8);
    return this.#bytes.readBigUInt64LE(at);
  }

  text(): string {
    const length = this.number();
    const at = this.#at;
    this.#skip(length);
    return this.#bytes.toString("utf8", at, at + length);
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
