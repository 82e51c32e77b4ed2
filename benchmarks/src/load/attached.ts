import { create } from "@bufbuild/protobuf";
import { type Client, ConnectError } from "@connectrpc/connect";
import {
  type AttachCall,
  AttachCallSchema,
  type AttachReply,
  type AttachRequest,
  AttachRequestSchema,
  type SessionRef,
  type SessionService,
} from "@lockstep/protocol";

type Request = AttachCall["request"];
type Reply = AttachReply["reply"];

/**
 * One Attach, and no more: for loads of so many sessions that a client for each would be what is measured. Calls of
 * one turn ride in one frame; it must stay below the server's largest.
 */
export class Attached {
  readonly #waiting = new Map<bigint, (reply: Reply) => void>();
  #outbox: AttachCall[] = [];
  #lastCallId = 0n;
  #wake: () => void = () => undefined;
  #closed = false;
  #failure: Error | undefined;

  constructor(service: Client<typeof SessionService>, session: SessionRef) {
    void this.#read(service, session);
  }

  /** Sends a call. Resolves with its reply. @throws Error when the server refuses it or ends the stream */
  async call(request: Request): Promise<Reply> {
    if (this.#failure !== undefined) throw this.#failure;
    const callId = ++this.#lastCallId;
    const reply = new Promise<Reply>((resolve) => this.#waiting.set(callId, resolve));
    this.#outbox.push(create(AttachCallSchema, { callId, request }));
    if (this.#outbox.length === 1) queueMicrotask(() => this.#wake());
    const answer = await reply;
    if (answer.case === "error") throw new Error(answer.value.message);
    if (answer.case === undefined) throw this.#failure ?? new Error("a reply without content");
    return answer;
  }

  /** Ends the stream in good order: many resets would look like an attack. The session goes on. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async *#frames(session: SessionRef): AsyncGenerator<AttachRequest> {
    yield create(AttachRequestSchema, { open: session });
    while (!this.#closed) {
      if (this.#outbox.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      const calls = this.#outbox;
      this.#outbox = [];
      if (calls.length > 0) yield create(AttachRequestSchema, { calls });
    }
  }

  async #read(service: Client<typeof SessionService>, session: SessionRef): Promise<void> {
    try {
      for await (const { replies } of service.attach(this.#frames(session))) {
        for (const { callId, reply } of replies) {
          this.#waiting.get(callId)?.(reply);
          this.#waiting.delete(callId);
        }
      }
      this.#failure = new Error("the server ended the stream");
    } catch (error) {
      this.#failure = ConnectError.from(error);
    }
    for (const answer of this.#waiting.values()) answer({ case: undefined });
  }
}
