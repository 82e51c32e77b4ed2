import { create } from "@bufbuild/protobuf";
import {
  type AcquireRequest,
  type AcquireResponse,
  type ConvertRequest,
  DeniedReason,
  DeniedSchema,
  type Granted,
  GrantedSchema,
  HoldEnd,
  LockMode,
  type LockTarget,
  LockTargetSchema,
  type LossReason,
  NotHeldSchema,
  Reentrancy,
  type ReleaseAsked,
  ReleaseOutcome,
} from "@lockstep/protocol";
import type { FakeSession } from "./fake-state.ts";

/** A hold as the fake knows it. */
export interface FakeHold {
  readonly key: string;
  readonly holdId: bigint;
  readonly owner: string;
  readonly requestIds: bigint[];
  targets: LockTarget[];
  token: bigint;
  count: number;
  value: Uint8Array;
  asked: ReleaseAsked | undefined;
}

/** A waiting acquire or conversion as the fake knows it. */
export interface FakeTicket {
  readonly key: string;
  readonly ticketId: bigint;
  readonly requestId: bigint;
  readonly targets: LockTarget[];
  readonly owner: string;
  /** The hold a conversion wants to change; 0 for an acquire. */
  readonly holdId: bigint;
  readonly value: Uint8Array;
}

/** What became of an acquire or a conversion; both have it in common. */
export type FakeOutcome = Exclude<AcquireResponse["outcome"], { case: "queued" | undefined }>;
/** What a conversion may come to besides. */
export type FakeConvertOutcome =
  | FakeOutcome
  | { case: "notHeld"; value: ReturnType<typeof notHeld> };

/** As much of the rules of locks as the client's tests need; the rules are the server's own business. */
export class FakeLocks {
  readonly #sessions: () => Iterable<FakeSession>;
  readonly #next: () => bigint;
  /** Called with what a waiting request has come to. */
  readonly #told: (session: FakeSession, requestId: bigint, outcome: FakeConvertOutcome) => void;

  constructor(
    sessions: () => Iterable<FakeSession>,
    next: () => bigint,
    told: (session: FakeSession, requestId: bigint, outcome: FakeConvertOutcome) => void,
  ) {
    this.#sessions = sessions;
    this.#next = next;
    this.#told = told;
  }

  /** Grants or denies an acquire; undefined: it waits. */
  acquire(session: FakeSession, request: AcquireRequest): FakeOutcome | undefined {
    const { requestId, targets, owner, waitMs, reentrancy, value } = request;
    const key = targets[0]?.key ?? "";
    const own = session.holds.find((hold) => owner !== "" && hold.owner === owner);
    if (own && own.key === key) {
      if (reentrancy !== Reentrancy.COUNT) return denied(DeniedReason.REENTRANCY);
      own.count += 1;
      own.requestIds.push(requestId);
      this.#next();
      return granted(own);
    }
    if (this.#free(targets, undefined)) return this.#grant(session, { ...request, key });
    if (waitMs === 0n) return denied(DeniedReason.CONTENDED);
    const ticketId = this.#next();
    session.tickets.push({ key, ticketId, requestId, targets, owner, holdId: 0n, value });
    return undefined;
  }

  /** Grants or denies a conversion; undefined: it waits. */
  convert(session: FakeSession, request: ConvertRequest): FakeConvertOutcome | undefined {
    const { requestId, holdId, token, key, mode, waitMs } = request;
    const hold = this.hold(session, holdId, token);
    if (!hold) return { case: "notHeld", value: notHeld(session, holdId) };
    const target = hold.targets.find((one) => one.key === key);
    if (!target) return denied(DeniedReason.UPGRADE_REFUSED);
    const strengthens = target.mode === LockMode.UPGRADABLE && mode === LockMode.EXCLUSIVE;
    const weakens = target.mode !== LockMode.SHARED && mode !== LockMode.EXCLUSIVE;
    if (target.mode === mode) return granted(hold);
    if (!strengthens && !weakens) return denied(DeniedReason.UPGRADE_REFUSED);
    const wanted = [{ ...target, mode }];
    if (weakens || this.#free(wanted, hold)) {
      const outcome = this.#converted(hold, wanted, requestId);
      this.#visit();
      return outcome;
    }
    if (waitMs === 0n) return denied(DeniedReason.CONTENDED);
    const ticketId = this.#next();
    const { owner, value } = hold;
    session.tickets.unshift({ key, ticketId, requestId, targets: wanted, owner, holdId, value });
    return undefined;
  }

  /** Gives a hold to a waiter. */
  transfer(
    session: FakeSession,
    request: { holdId: bigint; token: bigint; toSessionId: bigint; toRequestId: bigint },
  ): FakeConvertOutcome {
    const hold = this.hold(session, request.holdId, request.token);
    if (!hold) return { case: "notHeld", value: notHeld(session, request.holdId) };
    const to = [...this.#sessions()].find(({ id }) => id === request.toSessionId);
    const at = to?.tickets.findIndex(({ requestId }) => requestId === request.toRequestId) ?? -1;
    const [ticket] = to && at >= 0 ? to.tickets.splice(at, 1) : [];
    if (!to || !ticket) return denied(DeniedReason.NO_SUCH_WAITER);
    session.holds.splice(session.holds.indexOf(hold), 1);
    const outcome = this.#grant(to, ticket);
    this.#told(to, ticket.requestId, outcome);
    return outcome;
  }

  /** Releases a hold once. */
  release(session: FakeSession, holdId: bigint): { outcome: ReleaseOutcome; count: number } {
    const hold = session.holds.find((held) => held.holdId === holdId);
    if (!hold) {
      const lost = session.losses.has(holdId);
      return { outcome: lost ? ReleaseOutcome.LOST : ReleaseOutcome.NOT_HOLDER, count: 0 };
    }
    this.#next();
    hold.count -= 1;
    if (hold.count > 0) return { outcome: ReleaseOutcome.STILL_HELD, count: hold.count };
    this.remove(session, hold);
    return { outcome: ReleaseOutcome.RELEASED, count: 0 };
  }

  /** Ends a hold, and grants on what it blocked. */
  remove(session: FakeSession, hold: FakeHold): void {
    session.holds.splice(session.holds.indexOf(hold), 1);
    for (const ticket of session.tickets.filter(({ holdId }) => holdId === hold.holdId)) {
      session.tickets.splice(session.tickets.indexOf(ticket), 1);
      const lost = session.losses.has(hold.holdId);
      this.#told(
        session,
        ticket.requestId,
        lost
          ? { case: "notHeld", value: notHeld(session, hold.holdId) }
          : denied(DeniedReason.CANCELLED),
      );
    }
    this.#visit();
  }

  /** The hold with both numbers. */
  hold(session: FakeSession, holdId: bigint, token: bigint): FakeHold | undefined {
    return session.holds.find((held) => held.holdId === holdId && held.token === token);
  }

  #visit(): void {
    const blocked = new Set<string>();
    const tickets = [...this.#sessions()].flatMap((session) =>
      session.tickets.map((ticket) => ({ session, ticket })),
    );
    tickets.sort((a, b) => rank(a.ticket) - rank(b.ticket));
    for (const { session, ticket } of tickets) {
      const hold = session.holds.find(({ holdId }) => holdId === ticket.holdId);
      const behind = ticket.targets.some(({ key }) => blocked.has(key));
      for (const { key } of ticket.targets) blocked.add(key);
      if (behind || !this.#free(ticket.targets, hold)) continue;
      session.tickets.splice(session.tickets.indexOf(ticket), 1);
      const outcome = hold
        ? this.#converted(hold, ticket.targets, ticket.requestId)
        : this.#grant(session, ticket);
      this.#told(session, ticket.requestId, outcome);
    }
  }

  #grant(
    session: FakeSession,
    { key, targets, owner, requestId, value }: Omit<FakeTicket, "ticketId" | "holdId">,
  ): FakeOutcome {
    const holdId = this.#next();
    const requestIds = [requestId];
    const hold = { key, targets, owner, requestIds, holdId, token: holdId, count: 1, value };
    session.holds.push({ ...hold, asked: undefined });
    return granted(hold);
  }

  #converted(hold: FakeHold, wanted: readonly LockTarget[], requestId: bigint): FakeOutcome {
    const revision = this.#next();
    hold.requestIds.push(requestId);
    hold.targets = hold.targets.map(
      (target) => wanted.find(({ key }) => key === target.key) ?? target,
    );
    if (wanted.some(({ mode }) => mode === LockMode.EXCLUSIVE)) hold.token = revision;
    return granted(hold);
  }

  #free(targets: readonly LockTarget[], but: FakeHold | undefined): boolean {
    const holds = [...this.#sessions()].flatMap((session) => session.holds);
    return !holds.some(
      (hold) =>
        hold !== but &&
        hold.targets.some((held) =>
          targets.some((wanted) => wanted.key === held.key && conflict(wanted.mode, held.mode)),
        ),
    );
  }
}

/** A hold nobody asked for. */
export function strayHold(key: string, holdId: bigint, requestId: bigint): FakeHold {
  const targets = [create(LockTargetSchema, { key, mode: LockMode.EXCLUSIVE })];
  const value = new Uint8Array();
  const requestIds = [requestId];
  return {
    key,
    targets,
    holdId,
    token: holdId,
    requestIds,
    owner: "",
    count: 1,
    value,
    asked: undefined,
  };
}

/** A wait nobody asked for. */
export function strayTicket(
  key: string,
  ticketId: bigint,
  requestId: bigint,
  holdId = 0n,
): FakeTicket {
  const { targets, value } = strayHold(key, ticketId, requestId);
  return { key, targets, ticketId, requestId, holdId, owner: "", value };
}

function rank({ ticketId, holdId }: FakeTicket): number {
  return holdId === 0n ? Number(ticketId) : 0;
}

function conflict(a: LockMode, b: LockMode): boolean {
  if (a === LockMode.PERMITS && b === LockMode.PERMITS) return false;
  if (a === LockMode.SHARED) return b !== LockMode.SHARED && b !== LockMode.UPGRADABLE;
  return a !== LockMode.UPGRADABLE || b !== LockMode.SHARED;
}

function granted({ holdId, token, count }: Pick<FakeHold, "holdId" | "token" | "count">): {
  case: "granted";
  value: Granted;
} {
  return { case: "granted", value: create(GrantedSchema, { holdId, token, count }) };
}

function denied(reason: DeniedReason): FakeOutcome {
  return { case: "denied", value: create(DeniedSchema, { reason }) };
}

/** What is told of a hold that is over. */
export function notHeld({ losses }: FakeSession, holdId: bigint) {
  const lostReason: LossReason | undefined = losses.get(holdId);
  return create(NotHeldSchema, {
    end: lostReason === undefined ? HoldEnd.UNKNOWN : HoldEnd.LOST,
    ...(lostReason !== undefined && { lostReason }),
  });
}
