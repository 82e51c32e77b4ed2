import { create, toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { limitExceeded, type Refusal, sessionEnded } from "@lockstep/core";
import {
  type AttachCall,
  AttachErrorSchema,
  AttachReplySchema,
  type Event,
  EventSchema,
} from "@lockstep/protocol";
import type { Namespace, Pending } from "../../executor/namespace.ts";
import type { Timer } from "../../ports/clock.ts";
import type { RpcEnvironment } from "../environment.ts";
import { attachErrorFrom, connectErrorFrom, deadlineExceeded, invalidField } from "../errors.ts";
import {
  type AttachedKind,
  type AttachedReply,
  type AttachedSession,
  attachedOp,
} from "./attached-op.ts";
import type { Outbox } from "./outbox.ts";
import { replySize } from "./reply-size.ts";

/** A call under way. */
interface UnderWay {
  readonly kind: AttachedKind;
  readonly pending: Pending<AttachedReply>;
  timer: Timer | undefined;
}

/** The calls of one open Attach: each is submitted once and gets exactly one reply. */
export class AttachStream {
  readonly #namespace: Namespace;
  readonly #session: AttachedSession;
  readonly #environment: RpcEnvironment;
  readonly #outbox: Outbox;
  readonly #calls = new Map<bigint, UnderWay>();
  readonly #stopNews: () => void;
  /** Calls under way that do not wait for a lock. */
  #prompt = 0;
  /** Nothing is accepted any more; the stream ends when the calls that answer promptly have. */
  #finishing: { readonly error: ConnectError | undefined } | undefined;

  constructor(
    namespace: Namespace,
    session: AttachedSession,
    environment: RpcEnvironment,
    outbox: Outbox,
  ) {
    this.#namespace = namespace;
    this.#session = session;
    this.#environment = environment;
    this.#outbox = outbox;
    this.#stopNews = namespace.onNews(session.caller.sessionId, (event) => this.#tell(event));
  }

  /** Whether calls are still accepted. */
  get accepting(): boolean {
    return this.#finishing === undefined;
  }

  /**
   * Takes the calls of a frame, in their order.
   * @throws Refusal when the client breaks the contract of the stream, which must end then.
   */
  accept(calls: readonly AttachCall[]): void {
    const max = this.#environment.limits.max_attach_calls;
    if (calls.length > max) {
      throw limitExceeded("max_attach_calls", max, "a frame holds too many calls");
    }
    for (const call of calls) {
      if (this.#calls.has(call.callId)) {
        throw invalidField("calls.call_id", "must not be that of a call under way");
      }
      this.#start(call);
    }
  }

  /**
   * Ends the stream in good order: the calls that answer promptly still do, those that wait for a lock
   * end without a reply, their tickets wait on.
   */
  finish(error: ConnectError | undefined): void {
    if (this.#finishing !== undefined) return;
    this.#finishing = { error };
    if (this.#prompt === 0) this.#end();
  }

  /** Ends the stream at once; what has been answered still leaves. */
  stop(error: ConnectError): void {
    this.#finishing ??= { error };
    this.#abandonAll();
    this.#outbox.end(error);
  }

  /** Gives everything back; nobody listens any more. */
  close(): void {
    this.#stopNews();
    this.#abandonAll();
  }

  #start(call: AttachCall): void {
    const { callId, timeoutMs } = call;
    const { limits, clock } = this.#environment;
    try {
      if (this.#calls.size >= limits.max_attach_calls) {
        throw limitExceeded(
          "max_attach_calls",
          limits.max_attach_calls,
          "too many calls under way",
        );
      }
      const op = attachedOp(call, this.#session, limits);
      const pending = this.#namespace.submit<AttachedKind>(op);
      const underWay: UnderWay = { kind: op.kind, pending, timer: undefined };
      this.#calls.set(callId, underWay);
      if (op.kind !== "acquire") this.#prompt += 1;
      if (timeoutMs > 0n) {
        underWay.timer = clock.after(Number(timeoutMs), () => this.#expire(callId, underWay));
      }
      pending.reply.then(
        (reply) => this.#answer(callId, underWay, reply),
        (error) => this.#fail(callId, underWay, error),
      );
    } catch (error) {
      this.#sendError(callId, error);
    }
  }

  #answer(callId: bigint, underWay: UnderWay, value: AttachedReply): void {
    if (!this.#take(callId, underWay)) return;
    const bytes = replySize(underWay.kind, value);
    const max = this.#environment.limits.max_response_bytes;
    if (bytes > max) {
      this.#sendError(callId, limitExceeded("max_response_bytes", max, "the reply is too large"));
    } else {
      const reply = { case: underWay.kind, value } as never;
      this.#outbox.addReply(create(AttachReplySchema, { callId, reply }), bytes);
    }
    this.#endIfFinished();
  }

  #fail(callId: bigint, underWay: UnderWay, error: unknown): void {
    if (!this.#take(callId, underWay)) return;
    this.#sendError(callId, error);
    this.#endIfFinished();
  }

  #expire(callId: bigint, underWay: UnderWay): void {
    underWay.pending.abandon();
    this.#fail(callId, underWay, deadlineExceeded());
  }

  /** Whether the call was still under way; it is not any more. */
  #take(callId: bigint, underWay: UnderWay): boolean {
    if (this.#calls.get(callId) !== underWay) return false;
    this.#calls.delete(callId);
    underWay.timer?.cancel();
    if (underWay.kind !== "acquire") this.#prompt -= 1;
    return true;
  }

  #sendError(callId: bigint, thrown: unknown): void {
    const error = attachErrorFrom(thrown);
    const { cause } = connectErrorFrom(thrown);
    if (cause !== undefined) this.#environment.log.error({ err: cause }, "attached call failed");
    const bytes = toBinary(AttachErrorSchema, error).byteLength;
    this.#outbox.addReply(
      create(AttachReplySchema, { callId, reply: { case: "error", value: error } }),
      bytes,
    );
  }

  #tell(event: Event): void {
    if (event.body.case === "sessionEnded") {
      const { sessionId, state } = event.body.value;
      // After this commit's replies and its other events.
      this.#environment.clock.afterTurn(() => this.#sessionEnded(sessionEnded(sessionId, state)));
    } else {
      this.#outbox.addNews(event, toBinary(EventSchema, event).byteLength);
    }
  }

  /** Every call gets its reply, those that wait for a lock too. */
  #sessionEnded(refusal: Refusal): void {
    for (const [callId, underWay] of [...this.#calls]) {
      if (underWay.kind !== "acquire") continue;
      underWay.pending.abandon();
      this.#fail(callId, underWay, refusal);
    }
    this.finish(connectErrorFrom(refusal));
  }

  #endIfFinished(): void {
    if (this.#finishing !== undefined && this.#prompt === 0) this.#end();
  }

  #end(): void {
    this.#abandonAll();
    this.#outbox.end(this.#finishing?.error);
  }

  #abandonAll(): void {
    for (const { pending, timer } of this.#calls.values()) {
      pending.abandon();
      timer?.cancel();
    }
    this.#calls.clear();
    this.#prompt = 0;
  }
}
