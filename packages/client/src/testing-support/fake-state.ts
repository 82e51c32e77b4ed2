import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  type AcquireRequest,
  AcquireResponseSchema,
  CancelAcquireResponseSchema,
  CancelOutcome,
  CloseSessionResponseSchema,
  type ConvertRequest,
  ConvertResponseSchema,
  DeniedReason,
  ErrorReason,
  type Event,
  EventSchema,
  type GetSessionResponse,
  GetSessionResponseSchema,
  type IdRange,
  type KeepAliveResponse,
  KeepAliveResponseSchema,
  LossReason,
  ReleaseAskedSchema,
  type ReleaseOutcome,
  ReleaseResponseSchema,
  type ReplyHeader,
  ReplyHeaderSchema,
  refusal,
  SessionState,
  SetValueResponseSchema,
  TransferResponseSchema,
} from "@lockstep/protocol";
import type { CallKind, Replies, Requests } from "../calls/call.ts";
import {
  type FakeConvertOutcome,
  type FakeHold,
  FakeLocks,
  type FakeTicket,
  notHeld,
} from "./fake-locks.ts";

/** A session as the fake knows it. */
export interface FakeSession {
  readonly id: bigint;
  readonly ttlMs: bigint;
  readonly holds: FakeHold[];
  readonly tickets: FakeTicket[];
  /** Final outcomes by request id, and losses by hold. */
  readonly outcomes: Map<bigint, FakeConvertOutcome>;
  readonly losses: Map<bigint, LossReason>;
  readonly releases: Map<bigint, { outcome: ReleaseOutcome; count: number }>;
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
  readonly #listeners = new Map<string, ((outcome: FakeConvertOutcome) => void)[]>();
  readonly locks = new FakeLocks(
    () => this.sessions.values(),
    () => {
      this.revision += 1n;
      return this.revision;
    },
    (session, requestId, outcome) => this.#told(session, requestId, outcome),
  );

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
      releases: new Map(),
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
    for (const hold of [...session.holds]) this.locks.remove(session, hold);
  }

  /** The server takes a hold. Returns the news. */
  forceRelease(session: FakeSession, key: string, reason = LossReason.FORCE_RELEASED): Event {
    const hold = heldBy(session, key);
    session.losses.set(hold.holdId, reason);
    const { holdId, token } = hold;
    const event = this.append({
      case: "lockLost",
      value: { holdId, token, sessionId: session.id, reason },
    });
    session.revision = event.revision;
    this.locks.remove(session, hold);
    return event;
  }

  /** Somebody asks for a hold. Returns the news. */
  ask(session: FakeSession, key: string, reason: string): Event {
    const hold = heldBy(session, key);
    const { holdId, token } = hold;
    const value = { holdId, token, sessionId: session.id };
    const event = this.append({ case: "releaseRequested", value });
    Object.assign(event, { actor: "operator", reason, decidedAtMs: 1_000n });
    session.revision = event.revision;
    hold.asked = create(ReleaseAskedSchema, {
      revision: event.revision,
      askedAtMs: 1_000n,
      actor: "operator",
      reason,
    });
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
      acquire: (acquire) =>
        this.#waits(session, acquire, AcquireResponseSchema, answer as never, () =>
          this.locks.acquire(session, acquire),
        ) as never,
      convert: (convert) =>
        this.#waits(session, convert, ConvertResponseSchema, answer as never, () =>
          this.locks.convert(session, convert),
        ) as never,
      transfer: (transfer) => {
        const outcome = this.#once(session, transfer.requestId, () =>
          this.locks.transfer(session, transfer),
        );
        return create(TransferResponseSchema, { header: this.header(), outcome });
      },
      setValue: ({ holdId, token, value }) => {
        const hold = this.locks.hold(session, holdId, token);
        if (hold) Object.assign(hold, { value });
        const gone = hold ? {} : { notHeld: notHeld(session, holdId) };
        return create(SetValueResponseSchema, { header: this.header(), ...gone });
      },
      release: ({ requestId, holdId }) => {
        const known = session.releases.get(requestId);
        const found = known ?? this.locks.release(session, holdId);
        session.releases.set(requestId, found);
        const lostReason = session.losses.get(holdId) ?? LossReason.UNSPECIFIED;
        return create(ReleaseResponseSchema, { header: this.header(), ...found, lostReason });
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

  #list({ id, holds, tickets, losses }: FakeSession): GetSessionResponse {
    return create(GetSessionResponseSchema, {
      header: this.header(),
      session: { sessionId: id, state: SessionState.ACTIVE },
      holds: holds.map(({ asked, ...hold }) => ({
        ...hold,
        ...(asked && { releaseAsked: asked }),
      })),
      tickets: tickets.map(({ ticketId, ...ticket }) => ({ ...ticket, queued: { ticketId } })),
      losses: [...losses].map(([holdId, reason]) => ({ holdId, reason })),
    });
  }

  /** An outcome is the same on a repeat. */
  #once(session: FakeSession, requestId: bigint, decide: () => FakeConvertOutcome) {
    const outcome = session.outcomes.get(requestId) ?? decide();
    session.outcomes.set(requestId, outcome);
    return outcome;
  }

  #waits(
    session: FakeSession,
    { requestId, pollTimeoutMs }: AcquireRequest | ConvertRequest,
    schema: typeof AcquireResponseSchema | typeof ConvertResponseSchema,
    answer: (reply: unknown) => void,
    decide: () => FakeConvertOutcome | undefined,
  ): unknown {
    const reply = (outcome: unknown) =>
      create(schema as typeof ConvertResponseSchema, {
        header: this.header(),
        outcome: outcome as FakeConvertOutcome,
      });
    const known = session.outcomes.get(requestId);
    if (known) return reply(known);
    if (session.refusedIds.has(requestId)) {
      return reply({ case: "denied", value: { reason: DeniedReason.CANCELLED } });
    }
    if (!session.tickets.some((ticket) => ticket.requestId === requestId)) {
      const outcome = decide();
      if (outcome) {
        session.outcomes.set(requestId, outcome);
        return reply(outcome);
      }
    }
    const name = `${session.id}/${requestId}`;
    const listener = (outcome: FakeConvertOutcome) => answer(reply(outcome));
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
    if (pollTimeoutMs > 0n || this.#attached) return undefined;
    return reply({ case: "queued", value: {} });
  }

  #told(session: FakeSession, requestId: bigint, outcome: FakeConvertOutcome): void {
    session.outcomes.set(requestId, outcome);
    const name = `${session.id}/${requestId}`;
    const listeners = this.#listeners.get(name) ?? [];
    this.#listeners.delete(name);
    for (const listener of listeners) listener(outcome);
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

  #cancel(session: FakeSession, requestId: bigint): Replies["cancelAcquire"] {
    const outcome = session.outcomes.get(requestId);
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
}

function heldBy(session: FakeSession, key: string): FakeHold {
  const hold = session.holds.find((held) => held.key === key);
  if (!hold) throw new Error(`the session does not hold ${key}`);
  return hold;
}
