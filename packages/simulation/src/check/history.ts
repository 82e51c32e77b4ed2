import { EpochCause, type Event, type LockTarget, SessionState } from "@lockstep/protocol";
import type { Marks } from "../marks/marks.ts";
import {
  type DelayRecord,
  existedAt,
  type HoldRecord,
  type KeyRecord,
  modesConflict,
  type SessionRecord,
  type TicketRecord,
  targetOf,
} from "./records.ts";
import { demand } from "./violation.ts";

type Body<C extends string> = Extract<Event["body"], { case: C }>["value"];

/**
 * What the durable events say, and whether they may. It knows the rules of locks from the contract, not
 * from the server's code.
 */
export class History {
  readonly events: Event[] = [];
  readonly sessions = new Map<bigint, SessionRecord>();
  readonly holds = new Map<bigint, HoldRecord>();
  readonly delays = new Map<bigint, DelayRecord>();
  readonly tickets = new Map<bigint, TicketRecord>();
  readonly keys = new Map<string, KeyRecord>();
  readonly #marks: Marks;
  // Requests that made an event, as session/request id.
  readonly #causes = new Set<string>();
  #tail = 0n;
  #epoch = 0n;
  // A new lineage grants nothing for a while; the first grant ends that.
  #grantsPaused = false;

  constructor(marks: Marks) {
    this.#marks = marks;
  }

  /** The revision of the last durable event. */
  get tail(): bigint {
    return this.#tail;
  }

  get epoch(): bigint {
    return this.#epoch;
  }

  /** Takes a durable batch. Returns the keys it is about. */
  take(events: readonly Event[]): Set<string> {
    const touched = new Set<string>();
    for (const event of events) {
      this.#follows(event);
      this.events.push(event);
      this.#noteCause(event);
      for (const target of this.#apply(event)) touched.add(target.key);
    }
    for (const key of touched) this.#nobodyIsForgotten(key);
    return touched;
  }

  /** Whether a request has made an event, so that its outcome outlives a recovery. */
  hasEventOf(sessionId: bigint, requestId: bigint): boolean {
    return this.#causes.has(`${sessionId}/${requestId}`);
  }

  /** Whether a live hold of this key had this token at a revision. */
  heldAt(key: string, token: bigint, revision: bigint): boolean {
    for (const hold of this.holds.values()) {
      if (hold.token !== token || !existedAt(hold, revision)) continue;
      if (hold.targets.some((target) => target.key === key)) return true;
    }
    return false;
  }

  keyOf(key: string): KeyRecord {
    let record = this.keys.get(key);
    if (record === undefined) {
      record = { key, holds: new Set(), delays: new Set(), queue: new Set() };
      this.keys.set(key, record);
    }
    return record;
  }

  #noteCause({ causeRequestId, body }: Event): void {
    if (causeRequestId === 0n || body.value === undefined) return;
    const sessionId =
      "sessionId" in body.value
        ? body.value.sessionId
        : "holdId" in body.value && this.holds.get(body.value.holdId)?.sessionId;
    if (sessionId) this.#causes.add(`${sessionId}/${causeRequestId}`);
  }

  #follows({ revision, body }: Event): void {
    const first = body.case === "epochStarted" && body.value.cause === EpochCause.NEW_LINEAGE;
    const next = this.#tail + 1n;
    demand(
      first ? revision >= next : revision === next,
      "revisions rise without gap",
      () => `revision ${revision} follows ${this.#tail}`,
    );
    this.#tail = revision;
  }

  #apply(event: Event): readonly LockTarget[] {
    const { body, revision } = event;
    switch (body.case) {
      case "epochStarted":
        return this.#epochStarted(body.value);
      case "sessionOpened":
        return this.#sessionOpened(event, body.value);
      case "sessionEnded":
        return this.#sessionEnded(body.value, revision);
      case "lockQueued":
        return this.#queued(body.value, revision);
      case "lockGranted":
        return this.#granted(body.value, revision);
      case "ticketEnded":
        return this.#ticketEnded(body.value, revision);
      case "lockReleased":
        return this.#released(body.value, revision);
      case "lockLost":
        return this.#lost(body.value, revision);
      case "delayEnded":
        return this.#delayEnded(body.value, revision);
      default:
        return [];
    }
  }

  #epochStarted({ epoch, grantPauseMs }: Body<"epochStarted">): readonly LockTarget[] {
    demand(epoch > this.#epoch, "epochs rise", () => `epoch ${epoch} follows ${this.#epoch}`);
    if (this.#epoch > 0n) {
      if ([...this.holds.values()].some(({ to }) => to === undefined))
        this.#marks.hit("recovered with holds");
      if ([...this.tickets.values()].some(({ to }) => to === undefined))
        this.#marks.hit("recovered with waiters");
      if ([...this.delays.values()].some(({ to }) => to === undefined))
        this.#marks.hit("recovered with a delay");
    }
    this.#epoch = epoch;
    this.#grantsPaused = grantPauseMs > 0n;
    return [];
  }

  #sessionOpened(event: Event, body: Body<"sessionOpened">): readonly LockTarget[] {
    demand(
      body.sessionId === event.revision,
      "ids are revisions",
      () => `session ${body.sessionId}`,
    );
    this.sessions.set(body.sessionId, {
      id: body.sessionId,
      ttlMs: Number(body.ttlMs),
      displayName: body.displayName,
      principal: event.actor,
      from: event.revision,
      to: undefined,
      state: SessionState.ACTIVE,
      holds: new Set(),
      tickets: new Set(),
    });
    return [];
  }

  #sessionEnded({ sessionId, state }: Body<"sessionEnded">, revision: bigint): [] {
    const session = this.#session(sessionId, "a session ends once");
    session.state = state;
    session.to = revision;
    if (state === SessionState.EXPIRED) this.#marks.hit("session expired");
    return [];
  }

  #queued(body: Body<"lockQueued">, revision: bigint): readonly LockTarget[] {
    const { ticketId, sessionId, requestId, targets } = body;
    const session = this.#session(sessionId, "only a living session waits");
    const ticket = { id: ticketId, sessionId, requestId, targets, from: revision, to: undefined };
    this.tickets.set(ticketId, ticket);
    session.tickets.add(ticket);
    for (const { key } of targets) this.keyOf(key).queue.add(ticket);
    return targets;
  }

  #granted(body: Body<"lockGranted">, revision: bigint): readonly LockTarget[] {
    const { holdId, token, sessionId, requestId, ticketId, targets } = body;
    demand(token === revision, "tokens rise", () => `hold ${holdId} has token ${token}`);
    demand(!this.holds.has(holdId), "ids are used once", () => `hold ${holdId}`);
    const session = this.#session(sessionId, "nothing is granted to an ended session");
    const ticket = ticketId === 0n ? undefined : this.tickets.get(ticketId);
    if (ticketId !== 0n) {
      demand(
        ticket?.to === undefined && ticket?.sessionId === sessionId,
        "a grant ends its own wait",
        () => `ticket ${ticketId} of session ${sessionId}`,
      );
      this.#marks.hit("granted after a wait");
    }
    for (const target of targets) this.#mayBeGranted(target, ticket, revision);
    if (ticket !== undefined) this.#endTicket(ticket, revision);
    const hold: HoldRecord = {
      id: holdId,
      token,
      sessionId,
      requestId,
      targets,
      from: revision,
      to: undefined,
      end: undefined,
    };
    this.#grantsPaused = false;
    this.holds.set(holdId, hold);
    session.holds.add(hold);
    for (const { key } of targets) this.keyOf(key).holds.add(hold);
    return targets;
  }

  #mayBeGranted(target: LockTarget, ticket: TicketRecord | undefined, revision: bigint): void {
    const { holds, delays, queue } = this.keyOf(target.key);
    for (const hold of holds) {
      demand(
        !modesConflict(target, targetOf(hold.targets, target.key)),
        "no two conflicting holds",
        () => `revision ${revision} grants ${target.key} beside hold ${hold.id}`,
      );
    }
    for (const { hold } of delays) {
      demand(
        !modesConflict(target, targetOf(hold.targets, target.key)),
        "a delayed key is not granted",
        () => `revision ${revision} grants ${target.key} although lost hold ${hold.id} delays it`,
      );
    }
    for (const waiter of queue) {
      if (waiter === ticket) return;
      demand(
        !modesConflict(target, targetOf(waiter.targets, target.key)),
        "locks are granted in order of arrival",
        () => `revision ${revision} grants ${target.key} before ticket ${waiter.id}`,
      );
    }
  }

  #ticketEnded(
    { ticketId, targets }: Body<"ticketEnded">,
    revision: bigint,
  ): readonly LockTarget[] {
    const ticket = this.tickets.get(ticketId);
    demand(
      ticket !== undefined && ticket.to === undefined,
      "a wait ends once",
      () => `ticket ${ticketId}`,
    );
    this.#endTicket(ticket, revision);
    return targets;
  }

  #released(body: Body<"lockReleased">, revision: bigint): readonly LockTarget[] {
    this.#endHold(body, revision, "released");
    return body.targets;
  }

  #lost(body: Body<"lockLost">, revision: bigint): readonly LockTarget[] {
    const hold = this.#endHold(body, revision, "lost");
    if (!body.delayed) return body.targets;
    this.#marks.hit("lost hold delays its key");
    const delay = { hold, from: revision, to: undefined };
    this.delays.set(hold.id, delay);
    for (const { key } of hold.targets) this.keyOf(key).delays.add(delay);
    return body.targets;
  }

  #delayEnded({ holdId, targets }: Body<"delayEnded">, revision: bigint): readonly LockTarget[] {
    const delay = this.delays.get(holdId);
    demand(
      delay !== undefined && delay.to === undefined,
      "a delay ends once",
      () => `hold ${holdId}`,
    );
    delay.to = revision;
    for (const { key } of delay.hold.targets) this.keyOf(key).delays.delete(delay);
    return targets;
  }

  #endTicket(ticket: TicketRecord, revision: bigint): void {
    ticket.to = revision;
    this.sessions.get(ticket.sessionId)?.tickets.delete(ticket);
    for (const { key } of ticket.targets) this.keyOf(key).queue.delete(ticket);
  }

  #endHold(
    { holdId, token, sessionId }: { holdId: bigint; token: bigint; sessionId: bigint },
    revision: bigint,
    end: "released" | "lost",
  ): HoldRecord {
    const hold = this.holds.get(holdId);
    demand(
      hold !== undefined && hold.to === undefined,
      "a hold ends once",
      () => `revision ${revision} ends hold ${holdId}`,
    );
    demand(
      hold.token === token && hold.sessionId === sessionId,
      "a hold ends by its own token",
      () => `revision ${revision} ends hold ${holdId} with token ${token} of session ${sessionId}`,
    );
    hold.to = revision;
    hold.end = end;
    this.sessions.get(sessionId)?.holds.delete(hold);
    for (const { key } of hold.targets) this.keyOf(key).holds.delete(hold);
    return hold;
  }

  /** A session that lives. */
  #session(sessionId: bigint, rule: string): SessionRecord {
    const session = this.sessions.get(sessionId);
    demand(session?.state === SessionState.ACTIVE, rule, () => `session ${sessionId}`);
    return session as SessionRecord;
  }

  /** After each batch nobody waits who could be granted, and nobody waits or holds whose session has ended. */
  #nobodyIsForgotten(key: string): void {
    const { holds, queue } = this.keyOf(key);
    for (const { id, sessionId } of [...holds, ...queue]) {
      demand(
        this.sessions.get(sessionId)?.state === SessionState.ACTIVE,
        "an ended session leaves nothing behind",
        () => `${id} of session ${sessionId} on ${key}`,
      );
    }
    const first = [...queue][0];
    if (first === undefined) return;
    const inTheWay = first.targets.some((target) => {
      const others = this.keyOf(target.key);
      const ahead = [...others.queue].filter(({ id }) => id < first.id);
      return [...others.holds, ...[...others.delays].map(({ hold }) => hold), ...ahead].some(
        ({ targets }) => modesConflict(target, targetOf(targets, target.key)),
      );
    });
    demand(
      inTheWay || this.#grantsPaused,
      "a free key is granted at once",
      () => `ticket ${first.id} waits for ${key}, and nothing is in its way`,
    );
  }
}
