import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  type AcquireRequest,
  type AcquireResponse,
  AcquireResponseSchema,
  CancelAcquireResponseSchema,
  CancelOutcome,
  CloseSessionResponseSchema,
  DeniedReason,
  ErrorReason,
  type Event,
  EventSchema,
  type GetSessionResponse,
  GetSessionResponseSchema,
  type IdRange,
  type KeepAliveResponse,
  KeepAliveResponseSchema,
  LockMode,
  LossReason,
  ReleaseOutcome,
  ReleaseResponseSchema,
  type ReplyHeader,
  ReplyHeaderSchema,
  refusal,
  SessionState,
} from "@lockstep/protocol";
import type { CallKind, Replies, Requests } from "../calls/call.ts";

interface Hold {
  readonly key: string;
  readonly holdId: bigint;
  readonly token: bigint;
  readonly requestId: bigint;
}

interface Ticket {
  readonly key: string;
  readonly ticketId: bigint;
  readonly requestId: bigint;
}

/** A session as the fake knows it. */
export interface FakeSession {
  readonly id: bigint;
  readonly ttlMs: bigint;
  readonly holds: Hold[];
  readonly tickets: Ticket[];
  /** Final outcomes by request id, and losses by hold. */
  readonly outcomes: Map<bigint, AcquireResponse>;
  readonly losses: Map<bigint, LossReason>;
  readonly refusedIds: Set<bigint>;
  answered: readonly IdRange[];
  revision: bigint;
  ended: ErrorReason | undefined;
}

/**
 * As much of a lock server as the client's tests need, without time: nothing expires unless a test says so. The
 * rules of locks are the server's own business and tested there.
 */
export class FakeState {
  clusterId = "cluster";
  epoch = 1n;
  revision = 10n;
  readonly sessions = new Map<bigint, FakeSession>();
  readonly events: Event[] = [];
  readonly #bySecret = new Map<string, FakeSession>();
  readonly #listeners = new Map<string, ((reply: AcquireResponse) => void)[]>();

  header(): ReplyHeader {
    const { clusterId, epoch, revision } = this;
    return create(ReplyHeaderSchema, { clusterId, epoch, revision });
  }

  open(secret: Uint8Array, ttlMs: bigint): FakeSession {
    const known = this.#bySecret.get(secret.join());
    if (known) return known;
    this.revision += 1n;
    const session: FakeSession = {
      id: this.revision,
      ttlMs,
      holds: [],
      tickets: [],
      outcomes: new Map(),
      losses: new Map(),
      refusedIds: new Set(),
      answered: [],
      revision: 0n,
      ended: undefined,
    };
    this.sessions.set(session.id, session);
    this.#bySecret.set(secret.join(), session);
    return session;
  }

  /** Ends a session by the server's word. */
  end(session: FakeSession, reason: ErrorReason): void {
    session.ended = reason;
    session.tickets.length = 0;
    for (const hold of [...session.holds]) this.#remove(session, hold);
  }

  /** An operator takes a hold. Returns the news. */
  forceRelease(session: FakeSession, key: string): Event {
    const hold = session.holds.find((held) => held.key === key);
    if (!hold) throw new Error(`the session does not hold ${key}`);
    session.losses.set(hold.holdId, LossReason.FORCE_RELEASED);
    const { holdId, token } = hold;
    const event = this.append({
      case: "lockLost",
      value: { holdId, token, sessionId: session.id, reason: LossReason.FORCE_RELEASED },
    });
    session.revision = event.revision;
    this.#remove(session, hold);
    return event;
  }

  append(body: NonNullable<MessageInitShape<typeof EventSchema>["body"]>): Event {
    this.revision += 1n;
    const event = create(EventSchema, { revision: this.revision, body });
    this.events.push(event);
    return event;
  }

  /** Decides a call. An acquire's reply comes through `answer`, now or later. */
  decide<K extends CallKind>(
    session: FakeSession,
    kind: K,
    request: Requests[K],
    answer: (reply: Replies[K]) => void,
  ): void {
    if (session.ended !== undefined && kind !== "release") {
      throw refusal(Code.FailedPrecondition, session.ended, "the session has ended");
    }
    session.answered = request.answered;
    const handlers: { [C in CallKind]: (request: Requests[C]) => Replies[C] | undefined } = {
      keepAlive: ({ seq }) => this.#keepAlive(session, seq),
      closeSession: () => {
        this.end(session, ErrorReason.SESSION_CLOSED);
        const state = SessionState.CLOSED;
        return create(CloseSessionResponseSchema, { header: this.header(), state });
      },
      getSession: () => this.#list(session),
      acquire: (acquire) => this.#acquire(session, acquire, answer as never),
      release: ({ holdId }) => {
        const outcome = this.#release(session, holdId);
        const lostReason = session.losses.get(holdId) ?? LossReason.UNSPECIFIED;
        return create(ReleaseResponseSchema, { header: this.header(), outcome, lostReason });
      },
      cancelAcquire: ({ acquireRequestId }) => this.#cancel(session, acquireRequestId),
    };
    const reply = handlers[kind](request);
    if (reply) answer(reply);
  }

  #keepAlive(session: FakeSession, seq: bigint): KeepAliveResponse {
    return create(KeepAliveResponseSchema, {
      header: this.header(),
      seq,
      sessionRevision: session.revision,
      ttlMs: session.ttlMs,
    });
  }

  #list({ id, holds, tickets }: FakeSession): GetSessionResponse {
    const target = (key: string) => [{ key, mode: LockMode.EXCLUSIVE }];
    return create(GetSessionResponseSchema, {
      header: this.header(),
      session: { sessionId: id, state: SessionState.ACTIVE },
      holds: holds.map(({ key, ...hold }) => ({ ...hold, targets: target(key) })),
      tickets: tickets.map(({ key, ticketId, requestId }) => ({
        queued: { ticketId },
        requestId,
        targets: target(key),
      })),
    });
  }

  #acquire(
    session: FakeSession,
    { requestId, targets, waitMs, pollTimeoutMs }: AcquireRequest,
    answer: (reply: AcquireResponse) => void,
  ): AcquireResponse | undefined {
    const key = targets[0]?.key ?? "";
    const known = session.outcomes.get(requestId);
    if (known) {
      const header = this.header();
      return create(AcquireResponseSchema, { header, outcome: known.outcome });
    }
    if (session.refusedIds.has(requestId)) return this.#denied(DeniedReason.CANCELLED);
    const queued = session.tickets.find((ticket) => ticket.requestId === requestId);
    if (!queued) {
      if (!this.#taken(key)) return this.#grant(session, key, requestId);
      if (waitMs === 0n) {
        const denied = this.#denied(DeniedReason.CONTENDED);
        session.outcomes.set(requestId, denied);
        return denied;
      }
      this.revision += 1n;
      session.tickets.push({ key, ticketId: this.revision, requestId });
    }
    const name = `${session.id}/${requestId}`;
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), answer]);
    if (pollTimeoutMs > 0n || this.#attached) return undefined;
    const header = this.header();
    return create(AcquireResponseSchema, { header, outcome: { case: "queued", value: {} } });
  }

  // Set while a call of an Attach is decided: it hears only the final outcome.
  #attached = false;

  attached(decide: () => void): void {
    this.#attached = true;
    try {
      decide();
    } finally {
      this.#attached = false;
    }
  }

  #grant(session: FakeSession, key: string, requestId: bigint): AcquireResponse {
    this.revision += 1n;
    const hold = { key, holdId: this.revision, token: this.revision, requestId };
    session.holds.push(hold);
    const outcome = { case: "granted" as const, value: hold };
    const { holdId, token } = hold;
    const reply = create(AcquireResponseSchema, {
      header: this.header(),
      outcome: { ...outcome, value: { holdId, token } },
    });
    session.outcomes.set(requestId, reply);
    return reply;
  }

  #denied(reason: DeniedReason): AcquireResponse {
    const header = this.header();
    return create(AcquireResponseSchema, {
      header,
      outcome: { case: "denied", value: { reason } },
    });
  }

  #release(session: FakeSession, holdId: bigint): ReleaseOutcome {
    const hold = session.holds.find((held) => held.holdId === holdId);
    if (!hold) {
      return session.losses.has(holdId) ? ReleaseOutcome.LOST : ReleaseOutcome.NOT_HOLDER;
    }
    this.revision += 1n;
    this.#remove(session, hold);
    return ReleaseOutcome.RELEASED;
  }

  #cancel(session: FakeSession, requestId: bigint): Replies["cancelAcquire"] {
    const outcome = session.outcomes.get(requestId)?.outcome;
    const granted = outcome?.case === "granted" ? outcome.value : undefined;
    const at = session.tickets.findIndex((ticket) => ticket.requestId === requestId);
    if (at >= 0) session.tickets.splice(at, 1);
    else if (!granted) session.refusedIds.add(requestId);
    const found = granted ? CancelOutcome.ALREADY_GRANTED : CancelOutcome.UNKNOWN_REQUEST;
    return create(CancelAcquireResponseSchema, {
      header: this.header(),
      outcome: at >= 0 ? CancelOutcome.CANCELLED : found,
      ...(granted && { granted }),
    });
  }

  #taken(key: string): boolean {
    return [...this.sessions.values()].some(({ holds }) => holds.some((hold) => hold.key === key));
  }

  #remove(session: FakeSession, hold: Hold): void {
    session.holds.splice(session.holds.indexOf(hold), 1);
    for (const next of this.sessions.values()) {
      const at = next.tickets.findIndex(({ key }) => key === hold.key);
      const [ticket] = at >= 0 ? next.tickets.splice(at, 1) : [];
      if (!ticket) continue;
      const reply = this.#grant(next, ticket.key, ticket.requestId);
      const name = `${next.id}/${ticket.requestId}`;
      const listeners = this.#listeners.get(name) ?? [];
      this.#listeners.delete(name);
      for (const listener of listeners) listener(reply);
      return;
    }
  }
}
