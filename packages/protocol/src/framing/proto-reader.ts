const VARINT_BYTES_MAX = 8;
const SMALL_MAX = 2 ** 31 - 1;

/** What it reads is not what it can read: the bytes are left to the protobuf library. */
export class UnreadError extends Error {
  override readonly name = "UnreadError";
}

// One for all: it is no fault but a way out, and telling where from would cost more than the way.
const UNREAD = new UnreadError("not what is read here");

// The same few short texts stand in message after message: the last of a length is compared, which takes less than to
// decode it. Long ones are not kept: nobody has looked yet at who sends them.
const KEPT_TEXT_BYTES_MAX = 63;
const lastTexts: string[] = new Array(KEPT_TEXT_BYTES_MAX + 1).fill("");
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads protobuf fields one after the other, those that a few frequent messages have. */
export class ProtoReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.byteLength;
  }

  /**
   * The tag of the next field, its number times 8 and its wire type; 0 at the end of the message.
   * @throws UnreadError
   */
  tag(): number {
    if (this.#at >= this.#end) return 0;
    const tag = this.number();
    return tag === 0 ? this.unread() : tag;
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
    return this.unread();
  }

  /** @throws UnreadError above 2^31 − 1, and when the message is shorter */
  small(): number {
    const value = this.number();
    return value > SMALL_MAX ? this.unread() : value;
  }

  /** @throws UnreadError above 2^53 − 1, and when the message is shorter */
  bigint(): bigint {
    return BigInt(this.number());
  }

  /** Eight bytes, whatever their value. @throws UnreadError when the message is shorter */
  fixed64(): bigint {
    const from = this.#at;
    if (from + 8 > this.#end) this.unread();
    this.#at += 8;
    const { buffer, byteOffset } = this.#bytes;
    return new DataView(buffer, byteOffset).getBigUint64(from, true);
  }

  /** @throws UnreadError when it is not UTF-8, and when the message is shorter */
  text(): string {
    const from = this.#skip();
    const length = this.#at - from;
    const last = lastTexts[length];
    if (last !== undefined && this.#isText(last, from, this.#at)) return last;
    try {
      const text = utf8.decode(this.#bytes.subarray(from, this.#at));
      if (length <= KEPT_TEXT_BYTES_MAX) lastTexts[length] = text;
      return text;
    } catch {
      return this.unread();
    }
  }

  /** Bytes of their own. @throws UnreadError when the message is shorter */
  bytes(): Uint8Array {
    const from = this.#skip();
    return new Uint8Array(this.#bytes.subarray(from, this.#at));
  }

  /**
   * Reads a message inside this one. What `read` leaves unread is read by `otherwise`, from its bytes.
   * @throws UnreadError when the message is shorter, or nobody reads it
   */
  message<T>(read: (reader: ProtoReader) => T, otherwise?: (bytes: Uint8Array) => T): T {
    const end = this.#end;
    const from = this.#skip();
    const to = this.#at;
    this.#at = from;
    this.#end = to;
    try {
      return read(this);
    } catch (error) {
      if (otherwise === undefined || !(error instanceof UnreadError)) throw error;
      return otherwise(this.#bytes.subarray(from, to));
    } finally {
      this.#at = to;
      this.#end = end;
    }
  }

  /**
   * Gives the tag of each field of a message inside this one, so that its value is read.
   * @throws UnreadError when the message is shorter, and what `readField` throws
   */
  fields(readField: (tag: number) => void): void {
    this.message(() => {
      for (let tag = this.tag(); tag !== 0; tag = this.tag()) readField(tag);
    });
  }

  /** Leaves the message to the library. */
  unread(): never {
    throw UNREAD;
  }

  /** Goes to the end of what has its length before it; returns where it begins. */
  #skip(): number {
    const length = this.number();
    const from = this.#at;
    if (from + length > this.#end) this.unread();
    this.#at += length;
    return from;
  }

  /** Whether so many bytes are a text that is nothing but ASCII. */
  #isText(text: string, from: number, to: number): boolean {
    if (text.length !== to - from) return false;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80 || unit !== this.#bytes[from + index]) return false;
    }
    return true;
  }
}
