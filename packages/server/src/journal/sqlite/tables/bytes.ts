const FIRST_BYTES = 4_096;
const HASH_BYTES = 32;

/** Puts numbers, texts and bytes one behind the other. Integers are big-endian. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;

  u8(value: number): void {
    this.#room(1);
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  u32(value: number): void {
    this.#room(4);
    this.#at = this.#bytes.writeUInt32BE(value, this.#at);
  }

  u64(value: bigint): void {
    this.#room(8);
    this.#at = this.#bytes.writeBigUInt64BE(value, this.#at);
  }

  i64(value: bigint): void {
    this.#room(8);
    this.#at = this.#bytes.writeBigInt64BE(value, this.#at);
  }

  /** A hash of 32 bytes, without its length. */
  hash(value: Uint8Array): void {
    if (value.length !== HASH_BYTES) throw new RangeError("a hash has 32 bytes");
    this.#put(value);
  }

  /** Bytes behind their length. */
  bytes(value: Uint8Array): void {
    this.u32(value.length);
    this.#put(value);
  }

  /** A text in UTF-8 behind its length. */
  text(value: string): void {
    const most = value.length * 3;
    this.#room(4 + most);
    const length = this.#bytes.write(value, this.#at + 4, most, "utf8");
    this.#bytes.writeUInt32BE(length, this.#at);
    this.#at += 4 + length;
  }

  /** Leaves room for a length that is known later; `end` fills it in. */
  begin(): number {
    this.u32(0);
    return this.#at;
  }

  end(begun: number): void {
    this.#bytes.writeUInt32BE(this.#at - begun, begun - 4);
  }

  /** What was written, with a buffer of its own. */
  done(): Uint8Array<ArrayBuffer> {
    const { buffer } = this.#bytes;
    return new Uint8Array(buffer as ArrayBuffer, 0, this.#at);
  }

  #put(value: Uint8Array): void {
    this.#room(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  #room(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#at + length, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}

/** Takes apart what a `ByteWriter` put together. Bytes are views of what is read. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  u8(): number {
    this.#at += 1;
    return this.#bytes.readUInt8(this.#at - 1);
  }

  u32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  u64(): bigint {
    this.#at += 8;
    return this.#bytes.readBigUInt64BE(this.#at - 8);
  }

  i64(): bigint {
    this.#at += 8;
    return this.#bytes.readBigInt64BE(this.#at - 8);
  }

  hash(): Uint8Array {
    return this.#take(HASH_BYTES);
  }

  bytes(): Uint8Array {
    return this.#take(this.u32());
  }

  text(): string {
    const length = this.u32();
    this.#at += length;
    return this.#bytes.toString("utf8", this.#at - length, this.#at);
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError("the bytes end too early");
    const { buffer, byteOffset } = this.#bytes;
    const taken = new Uint8Array(buffer, byteOffset + this.#at, length);
    this.#at = end;
    return taken;
  }
}
