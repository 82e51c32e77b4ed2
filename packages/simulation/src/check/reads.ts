import {
  type CheckFenceResponse,
  type Event,
  FenceStatus,
  type GetLockResponse,
  type GetSessionResponse,
  type ReplyHeader,
} from "@lockstep/protocol";
import type { AnyOp } from "../server/observed-namespace.ts";
import type { History } from "./history.ts";
import { existedAt } from "./records.ts";
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
    const names = ({ targets }: { targets: readonly { key: string }[] }) =>
      targets.some((target) => target.key === key);
    const holds = [...this.#history.holds.values()].filter(
      (hold) => existedAt(hold, at) && names(hold),
    );
    const tickets = [...this.#history.tickets.values()].filter(
      (one) => existedAt(one, at) && names(one),
    );
    const delays = [...this.#history.delays.values()].filter(
      (delay) => existedAt(delay, at) && names(delay.hold),
    );
    const seen = `${lock?.holders.map(({ token }) => token)}|${lock?.queue.map(({ ticketId }) => ticketId)}|${lock?.delays.map(({ holdId }) => holdId)}`;
    const expected = `${holds.map(({ token }) => token)}|${tickets.map(({ id }) => id)}|${delays.map(({ hold }) => hold.id)}`;
    demand(
      seen === expected,
      "a lock is read as it is at its revision",
      () => `${key} at ${at} reads ${seen}, not ${expected}`,
    );
  }

  #session(
    op: Extract<AnyOp, { kind: "getSession" }>,
    reply: GetSessionResponse,
    at: bigint,
  ): void {
    const { sessionId } = op.caller;
    const mine = (one: { sessionId: bigint; from: bigint; to: bigint | undefined }) =>
      one.sessionId === sessionId && existedAt(one, at);
    const holds = [...this.#history.holds.values()].filter(mine);
    const tickets = [...this.#history.tickets.values()].filter(mine);
    const seen = `${reply.holds.map(({ token }) => token)}|${reply.tickets.map(({ queued }) => queued?.ticketId)}`;
    const expected = `${holds.map(({ token }) => token)}|${tickets.map(({ id }) => id)}`;
    demand(
      seen === expected,
      "a session lists all it holds and waits for",
      () => `session ${sessionId} at ${at} reads ${seen}, not ${expected}`,
    );
  }
}
