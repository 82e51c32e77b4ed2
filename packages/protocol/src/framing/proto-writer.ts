/** How much is set aside at once for what is written. */
const SLAB_BYTES = 64 * 1024;
const TWO_32 = 2 ** 32;
const LENGTH_BYTES_MAX = 5;
const VARINT_BYTES_MAX = 10;
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

const utf8 = new TextEncoder();

/**
 * Writes protobuf fields one after the other, each message as a part of a larger piece of memory: an allocation for
 * each is most of what encoding a small message costs. Fields that are empty are left out, as in proto3.
 */
export class ProtoWriter {
  #slab = new Uint8Array(SLAB_BYTES);
  #start = 0;
  #at = 0;

  /** The bytes since the last call. They stay as they are. */
  finish(): Uint8Array {
    const written = this.#slab.subarray(this.#start, this.#at);
    this.#start = this.#at;
    return written;
  }

  /** A whole number from 0 to 2^53 − 1. */
  number(field: number, value: number): void {
    if (value === 0) return;
    this.#room(LENGTH_BYTES_MAX + VARINT_BYTES_MAX);
    this.#varint(field * 8);
    this.#varint(value);
  }

  /** A whole number of 64 bits, with or without a sign. */
  bigint(field: number, value: bigint): void {
    if (value >= 0n && value <= SAFE_MAX) {
      this.number(field, Number(value));
      return;
    }
    this.#room(LENGTH_BYTES_MAX + VARINT_BYTES_MAX);
    this.#varint(field * 8);
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) this.#slab[this.#at++] = Number(rest & 0x7fn) | 0x80;
    this.#slab[this.#at++] = Number(rest);
  }

  /** Eight bytes, whatever their value. */
  fixed64(field: number, value: bigint): void {
    if (value === 0n) return;
    this.#room(LENGTH_BYTES_MAX + 8);
    this.#varint(field * 8 + 1);
    new DataView(this.#slab.buffer).setBigUint64(this.#at, value, true);
    this.#at += 8;
  }

  text(field: number, value: string): void {
    if (value === "") return;
    this.#room(2 * LENGTH_BYTES_MAX + 3 * value.length);
    this.#varint(field * 8 + 2);
    const lengthAt = this.#at;
    this.#at += 1;
    if (!this.#ascii(value)) {
      this.#at = lengthAt + 1 + utf8.encodeInto(value, this.#slab.subarray(lengthAt + 1)).written;
    }
    this.#setLength(lengthAt);
  }

  bytes(field: number, value: Uint8Array): void {
    if (value.length > 0) this.embedded(field, value);
  }

  /** A message that is encoded already; present also when it is empty. */
  embedded(field: number, message: Uint8Array): void {
    this.#room(2 * LENGTH_BYTES_MAX + message.length);
    this.#varint(field * 8 + 2);
    this.#varint(message.length);
    this.#slab.set(message, this.#at);
    this.#at += message.length;
  }

  /** Begins a message in this one; present also when nothing follows. Gives what `end` needs. */
  begin(field: number): number {
    this.#room(2 * LENGTH_BYTES_MAX);
    this.#varint(field * 8 + 2);
    // Counted from the beginning of this message, which may move.
    const lengthAt = this.#at - this.#start;
    this.#at += 1;
    return lengthAt;
  }

  end(begun: number): void {
    this.#room(LENGTH_BYTES_MAX);
    this.#setLength(this.#start + begun);
  }

  /** Writes the length of what stands behind one byte left for it, and makes room where one is too few. */
  #setLength(lengthAt: number): void {
    const end = this.#at;
    const length = end - lengthAt - 1;
    this.#at = lengthAt;
    if (length >= 0x80) {
      const more = length < 0x4000 ? 1 : length < 0x20_0000 ? 2 : 3;
      this.#slab.copyWithin(lengthAt + 1 + more, lengthAt + 1, end);
    }
    this.#varint(length);
    this.#at += length;
  }

  /** Whether the text was nothing but ASCII; then it is written. */
  #ascii(value: string): boolean {
    const slab = this.#slab;
    let at = this.#at;
    for (let index = 0; index < value.length; index++) {
      const unit = value.charCodeAt(index);
      if (unit >= 0x80) return false;
      slab[at++] = unit;
    }
    this.#at = at;
    return true;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= TWO_32) {
      this.#slab[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    let low = rest >>> 0;
    while (low >= 0x80) {
      this.#slab[this.#at++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    this.#slab[this.#at++] = low;
  }

  /** Sees to it that so many bytes fit, in a new slab if need be: what is unfinished moves there. */
  #room(bytes: number): void {
    if (this.#at + bytes <= this.#slab.length) return;
    const unfinished = this.#slab.subarray(this.#start, this.#at);
    const slab = new Uint8Array(Math.max(SLAB_BYTES, 2 * (unfinished.length + bytes)));
    slab.set(unfinished);
    this.#slab = slab;
    this.#start = 0;
    this.#at = unfinished.length;
  }
}
