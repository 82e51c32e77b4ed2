import { create } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import {
  type AttachRequest,
  type AttachResponse,
  type OpenSessionRequest,
  type OpenSessionResponse,
  ReplicationService,
  type SessionRef,
  SessionRefSchema,
  SessionService,
} from "@lockstep/protocol";
import type { Marks } from "../marks/marks.ts";
import type { SimProcess } from "../time/sim-process.ts";

/** What a client may believe in after its last acknowledged send: 99 % of the time to live less 10 ms. */
const BELIEF_SHARE = 0.99;
const BELIEF_MARGIN_MS = 10;

/** The renewals of a client, seen where its messages leave and arrive. */
export class Renewals {
  readonly #process: SimProcess;
  readonly #marks: Marks;
  #underWay = 0;
  #acknowledgedMs = Number.NEGATIVE_INFINITY;
  #session: SessionRef | undefined;

  constructor(process: SimProcess, marks: Marks) {
    this.#process = process;
    this.#marks = marks;
  }

  /** The session it opened last. */
  get session(): SessionRef | undefined {
    return this.#session;
  }

  /** How many have been sent and not answered. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Whether its deadline must have passed, by its monotonic clock alone. */
  deadlinePassed(ttlMs: number): boolean {
    const elapsedMs = this.#process.monotonicMs - this.#acknowledgedMs;
    return elapsedMs > ttlMs * BELIEF_SHARE - BELIEF_MARGIN_MS;
  }

  readonly interceptor: Interceptor = (next) => async (request) => {
    const renews = request.method === SessionService.method.keepAlive;
    if (renews || request.method === SessionService.method.openSession) {
      const sentMs = this.#process.monotonicMs;
      this.#underWay += 1;
      try {
        const response = await next(request);
        this.#acknowledged(sentMs);
        if (!renews) this.#opened(request.message, response.message);
        return response;
      } finally {
        this.#underWay -= 1;
      }
    }
    const { append, ack } = ReplicationService.method;
    if (request.method === append) this.#marks.hit("append is a call of its own");
    if (request.method === ack) this.#marks.hit("ack is a call of its own");
    if (!request.stream || request.method !== SessionService.method.attach) return next(request);
    const calls = new Map<bigint, number>();
    const sent = this.#sent(request.message as AsyncIterable<AttachRequest>, calls);
    const response = await next({ ...request, message: sent as typeof request.message });
    if (!response.stream) return response;
    const received = this.#received(response.message as AsyncIterable<AttachResponse>, calls);
    return { ...response, message: received as typeof response.message };
  };

  async *#sent(frames: AsyncIterable<AttachRequest>, calls: Map<bigint, number>) {
    for await (const frame of frames) {
      for (const { callId, request } of frame.calls) {
        if (request.case === "append" || request.case === "ack")
          this.#marks.hit(`${request.case} rides on Attach`);
        if (request.case !== "keepAlive") continue;
        calls.set(callId, this.#process.monotonicMs);
        this.#underWay += 1;
      }
      yield frame;
    }
  }

  async *#received(frames: AsyncIterable<AttachResponse>, calls: Map<bigint, number>) {
    try {
      for await (const frame of frames) {
        for (const { callId, reply } of frame.replies) {
          const sentMs = calls.get(callId);
          if (sentMs === undefined) continue;
          calls.delete(callId);
          this.#underWay -= 1;
          if (reply.case === "keepAlive") this.#acknowledged(sentMs);
        }
        yield frame;
      }
    } finally {
      this.#underWay -= calls.size;
      calls.clear();
    }
  }

  #opened(request: unknown, reply: unknown): void {
    const { namespace, secret } = request as OpenSessionRequest;
    const { sessionId } = reply as OpenSessionResponse;
    this.#session = create(SessionRefSchema, { namespace, secret, sessionId });
  }

  #acknowledged(sentMs: number): void {
    this.#acknowledgedMs = Math.max(this.#acknowledgedMs, sentMs);
  }
}
