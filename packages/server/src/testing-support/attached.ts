import { create } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createWritableIterable } from "@connectrpc/connect/protocol";
import {
  type AttachCall,
  AttachCallSchema,
  type AttachReply,
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
  type SessionRef,
  SessionService,
} from "@lockstep/protocol";

/** One Attach as a test drives it. */
export class Attached {
  readonly #requests = createWritableIterable<AttachRequest>();
  readonly #frames: AsyncIterator<AttachResponse>;
  readonly #leave = new AbortController();
  /** Every frame received so far. */
  readonly received: AttachResponse[] = [];

  constructor(transport: Transport) {
    const stream = createClient(SessionService, transport).attach(this.#requests, {
      signal: this.#leave.signal,
    });
    this.#frames = stream[Symbol.asyncIterator]();
  }

  /** Opens the stream and gives its first frame. */
  async open(session: SessionRef, ...calls: AttachCall[]): Promise<AttachResponse> {
    this.send({ open: session, calls });
    return this.next();
  }

  send(frame: { open?: SessionRef; calls?: AttachCall[] }): void {
    void this.#requests.write(create(AttachRequestSchema, frame)).catch(() => undefined);
  }

  call(...calls: AttachCall[]): void {
    this.send({ calls });
  }

  /** The next frame. @throws the error the stream ended with. */
  async next(): Promise<AttachResponse> {
    const frame = await this.#frames.next();
    if (frame.done) throw new Error("the stream has ended");
    this.received.push(frame.value);
    return frame.value;
  }

  /** The next `count` replies, from as many frames as they come in. */
  async replies(count: number): Promise<AttachReply[]> {
    const replies: AttachReply[] = [];
    while (replies.length < count) replies.push(...(await this.next()).replies);
    return replies;
  }

  /** Settles when the stream has ended; with its error, or undefined. */
  async ended(): Promise<unknown> {
    try {
      for (;;) {
        const frame = await this.#frames.next();
        if (frame.done) return undefined;
        this.received.push(frame.value);
      }
    } catch (error) {
      return error;
    }
  }

  /** Says that nothing more will be sent. */
  close(): void {
    this.#requests.close();
  }

  /** Leaves the stream. */
  async leave(): Promise<void> {
    this.#leave.abort();
    await this.ended();
  }
}

/** One call of an Attach. */
export function callOf(
  callId: bigint,
  request: AttachCall["request"] | { case: string; value: object },
  timeoutMs = 0n,
): AttachCall {
  return create(AttachCallSchema, { callId, timeoutMs, request: request as AttachCall["request"] });
}
