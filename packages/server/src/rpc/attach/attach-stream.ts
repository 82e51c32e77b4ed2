import { create, toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { limitExceeded, type Op, type Refusal, sessionEnded } from "@lockstep/core";
import {
  type AttachCall,
  AttachReplySchema,
  ChurnMap,
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
  mayWaitForLock,
} from "./attached-op.ts";
import type { Outbox } from "./outbox.ts";
import { replySize } from "./reply-size.ts";

/** What a reply takes at most beside its message: the id of the call, and a tag and a length. */
const CALL_BYTES = 24;

/** A call under way. */
interface UnderWay {
  readonly callId: bigint;
  readonly op: Op<AttachedKind>;
  /** Undefined while it waits for the read before it. */
  pending: Pending<AttachedReply> | undefined;
  timer: Timer | undefined;
}

/** The calls of one open Attach: each is submitted once and gets exactly one reply. */
export class AttachStream {
  readonly #namespace: Namespace;
  readonly #session: AttachedSession;
  readonly #environment: RpcEnvironment;
  readonly #outbox: Outbox;
  readonly #calls = new ChurnMap<bigint, UnderWay>();
  /** GetSessions that wait for the one before them: each reply may be large, so there is one at a time. */
  readonly #reads: UnderWay[] = [];
  #reading: UnderWay | undefined;
  readonly #stopNews: () => void;
  /** Nothing is accepted any more; the stream ends when only calls that wait for a lock are left. */
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
   * Ends the stream in good order: what is decided, or will be without a wait, is still answered; calls that wait for a
   * lock end without a reply, their tickets wait on.
   */
  finish(error: ConnectError | undefined): void {
    if (this.#finishing !== undefined) return;
    this.#finishing = { error };
    const { clock } = this.#environment;
    for (const { pending } of this.#calls.values())
      pending?.onWaiting(() => clock.afterTurn(() => this.#endOnceAnswered()));
    this.#endOnceAnswered();
  }

  /** Answers with this error what may still wait for replicas; the outcome is open. */
  endReplicaWaits(error: ConnectError): void {
    for (const underWay of [...this.#calls.values()]) {
      if (underWay.op.kind !== "append") continue;
      underWay.pending?.abandon();
      this.#fail(underWay, error);
    }
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
      const underWay: UnderWay = { callId, op, pending: undefined, timer: undefined };
      this.#calls.set(callId, underWay);
      if (timeoutMs > 0n) {
        underWay.timer = clock.after(Number(timeoutMs), () => this.#expire(underWay));
      }
      if (op.kind !== "getSession") this.#submit(underWay);
      else if (this.#reading === undefined) this.#read(underWay);
      else this.#reads.push(underWay);
    } catch (error) {
      this.#sendError(callId, error);
    }
  }

  #submit(underWay: UnderWay): void {
    const pending = this.#namespace.submit<AttachedKind>(underWay.op);
    underWay.pending = pending;
    pending.settle(
      (reply) => this.#answer(underWay, reply),
      (error) => this.#fail(underWay, error),
    );
  }

  #read(underWay: UnderWay): void {
    this.#reading = underWay;
    this.#submit(underWay);
  }

  /** The next read begins when what the one before has brought may leave. */
  async #readNext(): Promise<void> {
    await this.#outbox.room();
    this.#reading = undefined;
    for (let next = this.#reads.shift(); next !== undefined; next = this.#reads.shift()) {
      if (this.#calls.get(next.callId) === next) return this.#read(next);
    }
  }

  #answer(underWay: UnderWay, value: AttachedReply): void {
    if (!this.#take(underWay)) return;
    const { callId, op } = underWay;
    const bytes = replySize(op.kind, value);
    const max = this.#environment.limits.max_response_bytes;
    if (bytes > max) {
      this.#sendError(callId, limitExceeded("max_response_bytes", max, "the reply is too large"));
    } else {
      const reply = { case: op.kind, value } as never;
      const attached = { $typeName: "lockstep.v1.AttachReply", callId, reply } as const;
      this.#outbox.addReply(attached, bytes + CALL_BYTES);
    }
    this.#ended(underWay);
  }

  #fail(underWay: UnderWay, error: unknown): void {
    if (!this.#take(underWay)) return;
    this.#sendError(underWay.callId, error);
    this.#ended(underWay);
  }

  #expire(underWay: UnderWay): void {
    underWay.pending?.abandon();
    this.#fail(underWay, deadlineExceeded());
  }

  /** Whether the call was still under way; it is not any more. */
  #take(underWay: UnderWay): boolean {
    if (this.#calls.get(underWay.callId) !== underWay) return false;
    this.#calls.delete(underWay.callId);
    underWay.timer?.cancel();
    return true;
  }

  /** After the reply of a call has been given out. */
  #ended(underWay: UnderWay): void {
    if (this.#reading === underWay) void this.#readNext();
    this.#endOnceAnswered();
  }

  #sendError(callId: bigint, thrown: unknown): void {
    const error = attachErrorFrom(thrown);
    const { cause } = connectErrorFrom(thrown);
    if (cause !== undefined) this.#environment.log.error({ err: cause }, "attached call failed");
    const reply = create(AttachReplySchema, { callId, reply: { case: "error", value: error } });
    this.#outbox.addReply(reply, toBinary(AttachReplySchema, reply).byteLength);
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
    for (const underWay of [...this.#calls.values()]) {
      if (!mayWaitForLock(underWay.op)) continue;
      underWay.pending?.abandon();
      this.#fail(underWay, refusal);
    }
    this.finish(connectErrorFrom(refusal));
  }

  #endOnceAnswered(): void {
    if (this.#finishing === undefined) return;
    for (const { pending } of this.#calls.values()) if (pending?.isWaiting !== true) return;
    this.#abandonAll();
    this.#outbox.end(this.#finishing.error);
  }

  #abandonAll(): void {
    for (const { pending, timer } of this.#calls.values()) {
      pending?.abandon();
      timer?.cancel();
    }
    this.#calls.clear();
    this.#reads.length = 0;
  }
}
