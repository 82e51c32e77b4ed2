import type { Readable } from "node:stream";
import type { Call } from "../guard/call.ts";

/** Before the message of a gRPC call: its flags and its length. */
const ENVELOPE_BYTES = 5;

/**
 * Reads the message of a unary call. Gives the body as far as it was read when it is not one plain message: an envelope
 * with flags, more than one, none, or too many bytes. Every byte counts for the principal.
 * @throws ConnectError when the principal has too much under way, and why the call was aborted when it was.
 */
export function readUnaryBody(
  stream: Readable,
  call: Call,
  isEnveloped: boolean,
): Promise<Uint8Array | UnaryBody> {
  const body = new UnaryBody(call.limits.max_request_bytes, isEnveloped);
  return new Promise((resolve, reject) => {
    const stop = () => {
      stream.pause();
      stream.off("data", onData);
      stream.off("end", onEnd);
      call.signal.removeEventListener("abort", onAbort);
    };
    const onEnd = () => {
      stop();
      resolve(body.message ?? body);
    };
    const onAbort = () => {
      stop();
      reject(call.signal.reason);
    };
    const onData = (chunk: Uint8Array) => {
      try {
        call.bytes.take(chunk.byteLength);
        if (!body.take(chunk)) onEnd();
      } catch (error) {
        stop();
        reject(error);
      }
    };
    if (call.signal.aborted) return onAbort();
    call.signal.addEventListener("abort", onAbort);
    stream.on("end", onEnd);
    stream.on("data", onData);
  });
}

/** The body of a unary call as far as it was read. */
export class UnaryBody {
  readonly #chunks: Uint8Array[] = [];
  readonly #before: number;
  #bytes = 0;
  /** The bytes of the whole body: at most, or, once its envelope has come, exactly. */
  #wanted: number;
  #hasEnvelope = false;

  constructor(maxBytes: number, isEnveloped: boolean) {
    this.#before = isEnveloped ? ENVELOPE_BYTES : 0;
    this.#wanted = this.#before + maxBytes;
  }

  /** Takes what comes next. False when the body cannot be one plain message any more. */
  take(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    return this.#readEnvelope() && this.#bytes <= this.#wanted;
  }

  /**
   * The message of a body that has come to its end, in memory of its own: a chunk is a view of all that came with it,
   * and a call may wait for long. Undefined when the body is not one plain message.
   */
  get message(): Uint8Array | undefined {
    const isWhole = this.#before === 0 || (this.#hasEnvelope && this.#bytes === this.#wanted);
    if (!isWhole || this.#bytes > this.#wanted) return undefined;
    const message = new Uint8Array(this.#bytes - this.#before);
    let at = -this.#before;
    for (const chunk of this.#chunks) {
      message.set(at < 0 ? chunk.subarray(-at) : chunk, Math.max(at, 0));
      at += chunk.byteLength;
    }
    return message;
  }

  /** All of the body: what was read, and what still comes. */
  async *chunks(stream: Readable): AsyncGenerator<Uint8Array> {
    yield* this.#chunks;
    if (!stream.readableEnded) yield* stream.iterator({ destroyOnReturn: false });
  }

  /** False when the envelope has come and is not that of a plain message that may be read. */
  #readEnvelope(): boolean {
    if (this.#before === 0 || this.#hasEnvelope || this.#bytes < ENVELOPE_BYTES) return true;
    const [first] = this.#chunks;
    const head = first && first.byteLength >= ENVELOPE_BYTES ? first : Buffer.concat(this.#chunks);
    const view = new DataView(head.buffer, head.byteOffset);
    const wanted = ENVELOPE_BYTES + view.getUint32(1);
    if (view.getUint8(0) !== 0 || wanted > this.#wanted) return false;
    this.#hasEnvelope = true;
    this.#wanted = wanted;
    return true;
  }
}
