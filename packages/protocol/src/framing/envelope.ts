/** A message of a stream in its envelope, the same in Connect and gRPC: one byte of flags, four of length, the message. */
export interface Envelope {
  /** 0 for a plain message; what else they may say is the protocol's. 0 to 255. */
  readonly flags: number;
  readonly message: Uint8Array;
}

const PREFIX_BYTES = 5;

/** An envelope announces a message above the reader's bound. */
export class EnvelopeTooLargeError extends Error {
  override readonly name = "EnvelopeTooLargeError";
  /** What it announces. */
  readonly bytes: number;

  constructor(bytes: number, maxBytes: number) {
    super(`a message of ${bytes} bytes is larger than the ${maxBytes} that are read`);
    this.bytes = bytes;
  }
}

/** Takes envelopes out of the bytes of a stream as they come. It holds one message that is not whole, at most. */
export class EnvelopeReader {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #held = 0;
  /** How many bytes the envelope has that is not whole yet, its prefix included; 0 while its prefix is not whole. */
  #wanted = 0;

  /** @param maxBytes the largest message */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether the bytes so far end inside an envelope. */
  get isInside(): boolean {
    return this.#held > 0;
  }

  /**
   * The envelopes that a chunk makes whole, each with bytes of its own.
   * @throws EnvelopeTooLargeError as soon as a prefix announces it
   */
  read(chunk: Uint8Array): Envelope[] {
    this.#pieces.push(chunk);
    this.#held += chunk.byteLength;
    const envelopes: Envelope[] = [];
    while (this.#held >= Math.max(this.#wanted, PREFIX_BYTES)) {
      const bytes = this.#joined();
      this.#wanted = PREFIX_BYTES + this.#lengthOf(bytes);
      if (bytes.byteLength < this.#wanted) break;
      // Not `slice`: that of a Buffer copies nothing.
      const message = new Uint8Array(bytes.subarray(PREFIX_BYTES, this.#wanted));
      envelopes.push({ flags: bytes[0] ?? 0, message });
      this.#keep(bytes.subarray(this.#wanted));
    }
    return envelopes;
  }

  #joined(): Uint8Array {
    const [first] = this.#pieces;
    if (first !== undefined && this.#pieces.length === 1) return first;
    const joined = new Uint8Array(this.#held);
    let at = 0;
    for (const piece of this.#pieces) {
      joined.set(piece, at);
      at += piece.byteLength;
    }
    this.#pieces = [joined];
    return joined;
  }

  #keep(rest: Uint8Array): void {
    this.#pieces = rest.byteLength === 0 ? [] : [rest];
    this.#held = rest.byteLength;
    this.#wanted = 0;
  }

  #lengthOf(bytes: Uint8Array): number {
    // Not a DataView: making one takes longer than all the rest of a small frame.
    let length = 0;
    for (let at = 1; at < PREFIX_BYTES; at++) length = length * 0x100 + (bytes[at] as number);
    if (length > this.#maxBytes) throw new EnvelopeTooLargeError(length, this.#maxBytes);
    return length;
  }
}

/** Puts a message into its envelope. */
export function enveloped({ flags, message }: Envelope): Uint8Array {
  const envelope = new Uint8Array(PREFIX_BYTES + message.byteLength);
  const length = message.byteLength;
  envelope[0] = flags;
  envelope[1] = length >>> 24;
  envelope[2] = length >>> 16;
  envelope[3] = length >>> 8;
  envelope[4] = length;
  envelope.set(message, PREFIX_BYTES);
  return envelope;
}
