import { create } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import {
  CloseSessionRequestSchema,
  type Event,
  type GetSessionResponse,
  type IdRange,
  type KeepAliveResponse,
  ReleaseRequestSchema,
  type ReplyHeader,
} from "@lockstep/protocol";
import type { Activity } from "../activity.ts";
import { Link, type LinkHost } from "../attach/link.ts";
import { attachOver, type OpenAttach } from "../attach/open-attach.ts";
import { type AttachListener, AttachStream } from "../attach/stream.ts";
import type { CallKind, Way } from "../calls/call.ts";
import { Dispatcher, type DispatcherHost, type Errand } from "../calls/dispatcher.ts";
import { type Fault, sessionEnd } from "../calls/fault.ts";
import { ClientClosedError, type LossReason, SessionLostError } from "../errors.ts";
import { Holds, type HoldsHost } from "../lock/holds.ts";
import type { Lock, ReleaseRequested } from "../lock/lock.ts";
import type { AcquireWish } from "../lock/wish.ts";
import type { Clock, Instant, Timer } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { UnaryWay } from "../unary/unary-way.ts";
import type { Epochs } from "./epochs.ts";
import { Keeper, type KeeperHost } from "./keeper.ts";
import type { Lease } from "./lease.ts";
import { Reconciler, type ReconcilerHost } from "./reconciler.ts";
import { RequestIds } from "./request-ids.ts";

/** How long a session looks at the clock at most after a machine has woken up. */
export const WATCHDOG_INTERVAL_MS = 1_000;
/** How long replies to a session whose deadline has passed are still listened to, to give back late grants. */
export const LINGER_MS = 5_000;
/** How long `close` waits for the server before it leaves the session to expire. */
export const CLOSE_TIMEOUT_MS = 5_000;

/** What a session is made of. */
export interface SessionParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly activity: Activity;
  readonly transport: Transport;
  readonly controlTransport: Transport;
  /** How to open an Attach; undefined: none is tried. */
  readonly openAttach: OpenAttach | undefined;
  readonly epochs: Epochs;
  readonly namespace: string;
  readonly sessionId: bigint;
  readonly secret: Uint8Array;
  readonly lease: Lease;
  /** Called once, when the session is over. */
  readonly onOver: (session: Session) => void;
}

/**
 * One session, from the moment it is open until it is over: it joins the parts that keep it alive, carry its
 * requests and know its holds.
 */
export class Session implements DispatcherHost, HoldsHost, KeeperHost, LinkHost, ReconcilerHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly activity: Activity;
  readonly lease: Lease;
  readonly sessionId: bigint;
  readonly ids = new RequestIds();
  readonly unary: UnaryWay;
  readonly #parts: SessionParts;
  readonly #dispatcher: Dispatcher;
  readonly #link: Link;
  readonly #keeper: Keeper;
  readonly #reconciler: Reconciler;
  readonly #holds: Holds;
  #stream: AttachStream | undefined;
  #watchdog: Timer | undefined;
  #closing: (() => void) | undefined;
  #over = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.clock = parts.clock;
    this.random = parts.random;
    this.activity = parts.activity;
    this.lease = parts.lease;
    this.sessionId = parts.sessionId;
    this.unary = new UnaryWay(parts.clock, parts, parts.transport, parts.controlTransport);
    this.#dispatcher = new Dispatcher(this);
    this.#holds = new Holds(this);
    this.#reconciler = new Reconciler(this, parts.epochs.highest);
    this.#keeper = new Keeper(this);
    this.#link = new Link(this);
  }

  /** Starts to keep the session alive. */
  start(): void {
    this.#watch();
    this.#keeper.start();
    this.#link.start(this.#parts.openAttach !== undefined);
  }

  /** Whether it has ended. Looks at the clock. */
  get over(): boolean {
    this.check();
    return this.#over;
  }

  acquire(wish: AcquireWish): Promise<Lock> {
    return this.#holds.acquire(wish);
  }

  /**
   * Ends the session and releases all it holds. Resolves once the server has answered, or after CLOSE_TIMEOUT_MS,
   * or at the deadline: then the session expires by itself.
   */
  close(): Promise<void> {
    if (this.over) return Promise.resolve();
    return new Promise((resolve) => {
      this.#closing = resolve;
      this.#keeper.stop();
      // From here on nothing is used any more: that is what the server is told.
      this.#holds.end("SESSION_CLOSED", new ClientClosedError());
      const requestId = this.ids.next();
      this.submit({
        kind: "closeSession",
        request: () =>
          create(CloseSessionRequestSchema, { requestId, answered: this.ids.answered() }),
        reply: () => {
          this.#end("SESSION_CLOSED");
          return true;
        },
        refused: () => this.#end("SESSION_CLOSED"),
      });
      this.clock.after(CLOSE_TIMEOUT_MS, () => this.#end("SESSION_CLOSED"));
    });
  }

  check(): void {
    if (!this.#over && this.lease.remainingMs() === 0) this.#end("DEADLINE_PASSED");
  }

  arrived(): void {
    this.check();
  }

  admit(header: ReplyHeader | undefined): boolean {
    return this.#over || this.#parts.epochs.admit(header);
  }

  submit<K extends CallKind>(errand: Errand<K>): () => void {
    return this.#dispatcher.submit(errand);
  }

  releaseLate(holdId: bigint, token: bigint): void {
    const requestId = this.ids.next();
    const answered = this.ids.answered();
    const request = create(ReleaseRequestSchema, { requestId, answered, holdId, token });
    this.unary.send("release", request, { reply: () => {}, fault: () => {} });
  }

  sessionEnded(reason: LossReason): void {
    this.#end(reason);
  }

  attach(listener: AttachListener): AttachStream {
    const { openAttach = attachOver(this.#parts.transport) } = this.#parts;
    return new AttachStream(openAttach, this.#parts, this.clock, listener);
  }

  unarySuccesses(): number {
    return this.unary.successes;
  }

  use(way: AttachStream | "unary" | undefined): void {
    this.#stream = way === "unary" ? undefined : way;
    if (this.#stream) this.#reconciler.ask();
    this.#dispatcher.use(way === "unary" ? this.unary : way);
  }

  news(stream: AttachStream, events: readonly Event[]): void {
    this.#reconciler.news(stream, events);
  }

  probe(): void {
    this.#keeper.renewNow();
  }

  ttlMs(): number {
    return this.lease.ttlMs;
  }

  openStream(): AttachStream | undefined {
    return this.#link.openStream;
  }

  report(): { seenRevision: bigint; answered: IdRange[] } {
    return { seenRevision: this.#reconciler.seenRevision, answered: this.ids.answered() };
  }

  acknowledged(sentAt: Instant, reply: KeepAliveResponse): boolean {
    if (!this.admit(reply.header)) return false;
    const epoch = reply.header?.epoch ?? 0n;
    if (this.#reconciler.mayMoveDeadline(reply.sessionRevision, epoch)) {
      this.lease.renew(sentAt, Number(reply.ttlMs));
    }
    return true;
  }

  failed(fault: Fault): void {
    const end = sessionEnd(fault);
    if (end) this.#end(end);
  }

  streamIsDead(): void {
    this.#link.reopen();
  }

  answered(): IdRange[] {
    return this.ids.answered();
  }

  highestEpoch(): bigint {
    return this.#parts.epochs.highest;
  }

  stream(): Way | undefined {
    return this.#stream;
  }

  actOn(listed: GetSessionResponse): void {
    if (!this.#closing) this.#holds.actOn(listed);
  }

  lost(holdId: bigint, reason: LossReason): void {
    this.#holds.lost(holdId, reason);
  }

  asked(holdId: bigint, asked: ReleaseRequested): void {
    this.#holds.asked(holdId, asked);
  }

  confirm(): void {
    this.#keeper.renewNow();
  }

  streamProven(): void {
    this.#link.proven();
  }

  /** Looks at the clock at least once a second: a timer does not fire earlier because the machine slept. */
  #watch(): void {
    this.check();
    if (this.#over) return;
    const ms = Math.min(WATCHDOG_INTERVAL_MS, this.lease.remainingMs());
    this.#watchdog = this.clock.after(ms, () => this.#watch());
  }

  #end(reason: LossReason): void {
    if (this.#over) return;
    this.#over = true;
    this.#watchdog?.cancel();
    this.#dispatcher.stop();
    this.unary.dropWaiting();
    this.#keeper.stop();
    this.#link.stop(reason === "DEADLINE_PASSED" ? LINGER_MS : 0);
    this.#parts.epochs.unbind();
    this.#parts.onOver(this);
    this.#holds.end(reason, new SessionLostError(reason));
    this.#closing?.();
  }
}
