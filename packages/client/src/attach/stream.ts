import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type AttachCall,
  type AttachReply,
  type AttachRequest,
  type AttachResponse,
  ChurnMap,
  type Event,
  type ReplyHeader,
  type SessionRef,
  SessionRefSchema,
} from "@lockstep/protocol";
import type { Attempt, ItemKind, ItemRequests, Way } from "../calls/call.ts";
import { type Fault, faultOf, faultOfItem, transportFault } from "../calls/fault.ts";
import type { Clock } from "../ports/clock.ts";
import { cutFrames } from "./frames.ts";
import type { OpenAttach } from "./open-attach.ts";

/** Who hears what happens to a stream. */
export interface AttachListener {
  /** A frame has arrived, before anything in it takes effect. */
  arrived(stream: AttachStream): void;
  /** The server has accepted the stream. False: the server must not be believed, the stream ends. */
  opened(stream: AttachStream, header: ReplyHeader): boolean;
  /** Events that took a hold from this session, after the replies of their frame. */
  news(stream: AttachStream, events: readonly Event[]): void;
  /** The stream has ended, before its unanswered calls learn of it. Not called after `close`. */
  ended(stream: AttachStream, fault: Fault): void;
}

/** One Attach: the operations of a session over one stream, all those of one tick in one frame. */
export class AttachStream implements Way {
  readonly #clock: Clock;
  readonly #listener: AttachListener;
  readonly #attempts = new ChurnMap<bigint, Attempt<ItemKind>>();
  readonly #abort = new AbortController();
  #lastCallId = 0n;
  #outbox: AttachCall[] = [];
  #flushScheduled = false;
  #flush: (() => void) | undefined;
  #flushed = false;
  #opened = false;
  #ended = false;

  constructor(
    openAttach: OpenAttach,
    session: Pick<SessionRef, "namespace" | "sessionId" | "secret">,
    clock: Clock,
    listener: AttachListener,
  ) {
    this.#clock = clock;
    this.#listener = listener;
    this.#schedule();
    // Never rejects: every end is told to the listener.
    void this.#read(openAttach, create(SessionRefSchema, session));
  }

  /** The server has accepted the stream. */
  get opened(): boolean {
    return this.#opened;
  }

  /** @param timeoutMs how long the server looks for an answer; 0: as long as it takes */
  send<K extends ItemKind>(
    kind: K,
    request: ItemRequests[K],
    attempt: Attempt<K>,
    timeoutMs = 0,
  ): () => void {
    if (this.#ended) {
      attempt.fault(transportFault("the stream has ended"));
      return () => {};
    }
    this.#lastCallId += 1n;
    const callId = this.#lastCallId;
    this.#attempts.set(callId, attempt as unknown as Attempt<ItemKind>);
    // Written out, as `create` goes through the description of a message each time.
    const call: AttachCall = {
      $typeName: "lockstep.v1.AttachCall",
      callId,
      timeoutMs: timeoutMs === 0 ? 0n : BigInt(Math.ceil(timeoutMs)),
      traceparent: "",
      request: { case: kind, value: request } as AttachCall["request"],
    };
    // A renewal never queues behind other work, nor does what renewals wait for.
    if (kind === "keepAlive" || kind === "getSession") this.#outbox.unshift(call);
    else this.#outbox.push(call);
    this.#schedule();
    return () => {
      this.#attempts.delete(callId);
    };
  }

  /** Ends the stream. Unanswered calls learn that they have no reply; the listener hears nothing more. */
  close(): void {
    this.#end(undefined);
  }

  #schedule(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#clock.afterTurn(() => {
      this.#flushScheduled = false;
      this.#flushed = true;
      this.#flush?.();
    });
  }

  async *#frames(open: SessionRef): AsyncGenerator<AttachRequest> {
    let first: SessionRef | undefined = open;
    while (!this.#ended) {
      if (!this.#flushed) {
        await new Promise<void>((resolve) => {
          this.#flush = resolve;
        });
      }
      this.#flushed = false;
      this.#flush = undefined;
      const calls = this.#outbox;
      this.#outbox = [];
      const frames = calls.length > 0 || !first ? cutFrames(calls) : [[]];
      for (const frame of frames) {
        const request: AttachRequest = { $typeName: "lockstep.v1.AttachRequest", calls: frame };
        if (first) request.open = first;
        yield request;
        first = undefined;
      }
    }
  }

  async #read(openAttach: OpenAttach, open: SessionRef): Promise<void> {
    try {
      const frames = openAttach(this.#frames(open), { signal: this.#abort.signal });
      for await (const frame of frames) {
        if (this.#ended) return;
        this.#take(frame);
      }
      this.#end(transportFault("the server ended the stream"));
    } catch (error) {
      this.#end(faultOf(error));
    }
  }

  #take(frame: AttachResponse): void {
    this.#listener.arrived(this);
    if (frame.opened) {
      this.#opened = true;
      if (!this.#listener.opened(this, frame.opened)) {
        this.#end(transportFault("the stream leads to a server that has been replaced"));
        return;
      }
    }
    for (const reply of frame.replies) this.#answer(reply);
    if (frame.news.length > 0) this.#listener.news(this, frame.news);
  }

  #answer({ callId, reply }: AttachReply): void {
    const attempt = this.#attempts.get(callId);
    if (!attempt || reply.case === undefined) return;
    this.#attempts.delete(callId);
    if (reply.case === "error") attempt.fault(faultOfItem(reply.value));
    else attempt.reply(reply.value as never);
  }

  #end(fault: Fault | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#flushed = true;
    this.#flush?.();
    this.#abort.abort(new ConnectError("the stream is closed", Code.Canceled));
    if (fault) this.#listener.ended(this, fault);
    const attempts = [...this.#attempts.values()];
    this.#attempts.clear();
    const lost = transportFault("the stream ended before the reply");
    for (const attempt of attempts) attempt.fault(lost);
  }
}
