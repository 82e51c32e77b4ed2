import {
  type CheckFenceResponse,
  type Event,
  FenceStatus,
  type GetLockResponse,
  type GetSessionResponse,
  type LockTarget,
  type ReplyHeader,
} from "@lockstep/protocol";
import type { AnyOp } from "../server/observed-namespace.ts";
import type { History } from "./history.ts";
import { existedAt, tokenAt } from "./records.ts";
import { demand } from "./violation.ts";

/** Watches that what is read is what the durable history says at the revision of the reply. */
export class Readings {
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
  }

  replied(op: AnyOp, reply: { header?: ReplyHeader }): void {
    const revision = reply.header?.revision ?? 0n;
    demand(
      revision <= this.#history.tail,
      "a reply speaks of durable things only",
      () =>
        `${op.kind} was answered at revision ${revision}, the last durable one is ${this.#history.tail}`,
    );
    demand(
      reply.header?.epoch === this.#history.epoch,
      "a reply names its epoch",
      () => `${op.kind} was answered in epoch ${reply.header?.epoch}`,
    );
    if (op.kind === "checkFence") this.#fence(op, reply as CheckFenceResponse, revision);
    if (op.kind === "getLock") this.#lock(op, reply as GetLockResponse, revision);
    if (op.kind === "getSession") this.#session(op, reply as GetSessionResponse, revision);
  }

  /** A client saw these events in a watch or a list, after a revision: they must be exactly those. */
  events(
    seen: readonly Event[],
    after: bigint,
    upTo: bigint,
    chosen: (event: Event) => boolean,
  ): void {
    const expected = this.#history.events.filter(
      (event) => event.revision > after && event.revision <= upTo && chosen(event),
    );
    demand(
      seen.length === expected.length,
      "a watch has no gap and no repetition",
      () =>
        `after ${after} up to ${upTo} came ${seen.map(({ revision }) => revision)} instead of ${expected.map(({ revision }) => revision)}`,
    );
    for (const [at, event] of seen.entries()) {
      const other = expected[at];
      const same = event.revision === other?.revision && event.body.case === other.body.case;
      demand(
        same && event.journalOnly === undefined,
        "a watch tells the history",
        () => `revision ${event.revision} differs`,
      );
    }
  }

  #fence(op: Extract<AnyOp, { kind: "checkFence" }>, reply: CheckFenceResponse, at: bigint): void {
    const { key, token } = op.request;
    const expected =
      token > at
        ? FenceStatus.UNKNOWN
        : this.#history.heldAt(key, token, at)
          ? FenceStatus.CURRENT
          : FenceStatus.STALE;
    demand(
      reply.status === expected,
      "a fence check tells the truth at its revision",
      () =>
        `token ${token} of ${key} at ${at} is ${FenceStatus[expected]}, not ${FenceStatus[reply.status]}`,
    );
  }

  #lock(op: Extract<AnyOp, { kind: "getLock" }>, { lock }: GetLockResponse, at: bigint): void {
    const { key } = op.request;
    const { holds, tickets, delays } = this.#history.ledger;
    const there = (one: Existing) =>
      existedAt(one, at) && one.targets.some((target) => target.key === key);
    const held = [...holds.values()].filter(there).map((hold) => tokenAt(hold, at));
    const waiting = [...tickets.values()].filter(there).map(({ id }) => id);
    const delayed = [...delays.values()]
      .filter((delay) => there({ ...delay, targets: delay.hold.targets }))
      .map(({ hold }) => hold.id);
    same("a lock is read as it is at its revision", `${key} at ${at}`, [
      [lock?.holders.map(({ token }) => token), held],
      [lock?.queue.map(({ ticketId }) => ticketId), waiting],
      [lock?.delays.map(({ holdId }) => holdId), delayed],
    ]);
  }

  #session(
    op: Extract<AnyOp, { kind: "getSession" }>,
    reply: GetSessionResponse,
    at: bigint,
  ): void {
    const { sessionId } = op.caller;
    const { holds, tickets } = this.#history.ledger;
    const mine = (one: Existing) => one.sessionId === sessionId && existedAt(one, at);
    same("a session lists all it holds and waits for", `session ${sessionId} at ${at}`, [
      [
        reply.holds.map(({ token }) => token),
        [...holds.values()].filter(mine).map((hold) => tokenAt(hold, at)),
      ],
      [
        reply.tickets.map(({ queued }) => queued?.ticketId ?? 0n),
        [...tickets.values()].filter(mine).map(({ id }) => id),
      ],
    ]);
  }
}

/** What holds and tickets have in common. */
interface Existing {
  readonly from: bigint;
  readonly to: bigint | undefined;
  readonly targets: readonly LockTarget[];
  readonly sessionId?: bigint;
}

/** Lists of ids, in whatever order they come. */
function same(
  rule: string,
  what: string,
  pairs: readonly (readonly [readonly bigint[] | undefined, readonly bigint[]])[],
): void {
  const sorted = (ids: readonly bigint[] = []) =>
    [...ids].sort((a, b) => (a < b ? -1 : 1)).join(" ");
  for (const [seen, expected] of pairs) {
    demand(
      sorted(seen) === sorted(expected),
      rule,
      () => `${what} reads [${sorted(seen)}], not [${sorted(expected)}]`,
    );
  }
}
