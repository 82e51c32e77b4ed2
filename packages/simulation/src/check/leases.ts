import { type Event, SessionState } from "@lockstep/protocol";
import type { Marks } from "../marks/marks.ts";
import type { AnyOp } from "../server/observed-namespace.ts";
import { CLOCK_RATE_MIN } from "../time/process-clock.ts";
import type { SimProcess } from "../time/sim-process.ts";
import type { History } from "./history.ts";
import { demand } from "./violation.ts";

/** When a session was last told, or began, to live on. */
interface Renewal {
  /** By the server's monotonic clock, when the renewal reached its code. */
  readonly serverMs: number;
  /** In true time, the same moment. */
  readonly trueMs: number;
}

/** What is known of the renewals of a session that the server's code has not seen. */
export interface SeenRenewals {
  /** Whether its client has sent some that are not answered. */
  underWay(sessionId: bigint): boolean;
  /** How many have arrived at the server and lie there unread. */
  unread(sessionId: bigint): number;
}

/** What a client may believe in after its last send: 99 % of the time to live less 10 ms. */
const BELIEF_SHARE = 0.99;
const BELIEF_MARGIN_MS = 10;
// Readings that were turned from one clock to another.
const ROUNDING_MS = 1e-3;

/** Watches that no session expires while its client, or any client within the bound of drift, may believe in it. */
export class Leases {
  readonly #history: History;
  readonly #marks: Marks;
  readonly #renewals = new Map<bigint, Renewal>();
  #server: SimProcess | undefined;

  constructor(history: History, marks: Marks) {
    this.#history = history;
    this.#marks = marks;
  }

  /** Every session has its full time from here on. */
  serverStarted(process: SimProcess, trueMs: number): void {
    this.#server = process;
    for (const { id, state } of this.#history.ledger.sessions.values()) {
      if (state === SessionState.ACTIVE) this.#renew(id, trueMs);
    }
  }

  /** When a session expires unless it is renewed, in true time by the server's own clock. */
  dueMs(sessionId: bigint): number | undefined {
    const renewal = this.#renewals.get(sessionId);
    const session = this.#history.ledger.sessions.get(sessionId);
    if (renewal === undefined || session?.state !== SessionState.ACTIVE) return undefined;
    return renewal.trueMs + (this.#server?.clock.trueMs(session.ttlMs) ?? 0);
  }

  submitted(op: AnyOp, trueMs: number): void {
    if (op.kind !== "keepAlive") return;
    const { sessionId } = op.caller;
    const session = this.#history.ledger.sessions.get(sessionId);
    if (session?.state !== SessionState.ACTIVE || this.#server === undefined) return;
    const before = this.#renewals.get(sessionId);
    const late =
      before !== undefined && this.#server.monotonicMs - before.serverMs >= session.ttlMs;
    if (late) this.#marks.hit("renewal arrives after its deadline");
    this.#renew(sessionId, trueMs);
  }

  /** The server has decided these; they may not be durable yet. */
  appended(events: readonly Event[], trueMs: number, seen: SeenRenewals): void {
    for (const { body, revision } of events) {
      if (body.case === "sessionOpened") this.#renew(body.value.sessionId, trueMs);
      if (body.case !== "sessionEnded" || body.value.state !== SessionState.EXPIRED) continue;
      const { sessionId } = body.value;
      this.#mayExpire(sessionId, revision, trueMs);
      if (seen.underWay(sessionId)) this.#marks.hit("expiry beside a pending renewal");
      demand(
        seen.unread(sessionId) === 0,
        "a renewal that arrived first wins",
        () =>
          `revision ${revision} ends session ${sessionId}, whose renewal lies unread at the server`,
      );
    }
  }

  #mayExpire(sessionId: bigint, revision: bigint, trueMs: number): void {
    const session = this.#history.ledger.sessions.get(sessionId);
    const renewal = this.#renewals.get(sessionId);
    if (session === undefined || renewal === undefined || this.#server === undefined) return;
    const livedMs = this.#server.monotonicMs - renewal.serverMs;
    demand(
      livedMs >= session.ttlMs - ROUNDING_MS,
      "a session lives for its time to live",
      () => `revision ${revision} ends session ${sessionId} ${livedMs} ms after its last renewal`,
    );
    const believedMs = (session.ttlMs * BELIEF_SHARE - BELIEF_MARGIN_MS) / CLOCK_RATE_MIN;
    demand(
      trueMs - renewal.trueMs >= believedMs - ROUNDING_MS,
      "no client believes longer than its session lives",
      () =>
        `revision ${revision} ends session ${sessionId} ${trueMs - renewal.trueMs} ms after its last renewal`,
    );
  }

  #renew(sessionId: bigint, trueMs: number): void {
    if (this.#server === undefined) return;
    this.#renewals.set(sessionId, { serverMs: this.#server.monotonicMs, trueMs });
  }
}
