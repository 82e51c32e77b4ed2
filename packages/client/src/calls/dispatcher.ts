import { ChurnMap, type ReplyHeader } from "@lockstep/protocol";
import type { Activity } from "../activity.ts";
import { backoffMs } from "../backoff.ts";
import type { LossReason } from "../errors.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Attempt, CallKind, Replies, Requests, Way } from "./call.ts";
import { type Fault, isOpen, sessionEnd } from "./fault.ts";

/** A request that is repeated, with the same request id, until it has its final reply or the session ends. */
export interface Errand<K extends CallKind = CallKind> {
  readonly kind: K;
  /** The message of the next attempt. */
  request(): Requests[K];
  /** Takes a reply that came over `way`. False: it was not the final one, ask again. */
  reply(reply: Replies[K], way: Way): boolean;
  /** The server refused for good. */
  refused(fault: Fault): void;
  /** Takes a reply that arrived after the session was over. */
  late?(reply: Replies[K]): void;
}

/** What the dispatcher asks of its session. */
export interface DispatcherHost {
  readonly clock: Clock;
  readonly random: Random;
  /** Keeps the process alive while requests are under way. */
  readonly activity: Activity;
  /** Something has arrived: decides what the clock says before it takes effect. */
  arrived(): void;
  /** Whether the server that sent a reply may be believed. */
  admit(header: ReplyHeader | undefined): boolean;
  /** The server says that the session has ended. */
  sessionEnded(reason: LossReason): void;
}

/** What hears of attempts. */
interface AttemptHost {
  replied(entry: Entry, reply: Replies[CallKind], way: Way): void;
  failed(entry: Entry, fault: Fault, way: Way): void;
}

/** An errand on its way, and who waits for each attempt at it; there is one at a time. */
class Entry implements Attempt<CallKind> {
  readonly number: number;
  readonly errand: Errand;
  readonly #host: AttemptHost;
  failures = 0;
  attempts = 0;
  /** Set while an attempt is under way. */
  way: Way | undefined;
  /** Stops listening to that attempt. */
  abandon: (() => void) | undefined;
  /** Set while it waits before the next attempt. */
  pause: Timer | undefined;

  constructor(host: AttemptHost, number: number, errand: Errand) {
    this.#host = host;
    this.number = number;
    this.errand = errand;
  }

  reply(reply: Replies[CallKind]): void {
    const way = this.#settled();
    if (way) this.#host.replied(this, reply, way);
  }

  fault(fault: Fault): void {
    const way = this.#settled();
    if (way) this.#host.failed(this, fault, way);
  }

  #settled(): Way | undefined {
    const { way } = this;
    this.way = undefined;
    this.abandon = undefined;
    return way;
  }
}

/** Keeps every unanswered request of a session on its way, over whichever way is open. */
export class Dispatcher implements AttemptHost {
  readonly #host: DispatcherHost;
  readonly #entries = new ChurnMap<number, Entry>();
  #lastEntry = 0;
  #way: Way | undefined;
  #stopped = false;
  #idle: (() => void) | undefined;

  constructor(host: DispatcherHost) {
    this.#host = host;
  }

  /** Starts an errand. Returns the way to give it up: nothing more is sent or taken for it. */
  submit<K extends CallKind>(errand: Errand<K>): () => void {
    if (this.#stopped) return () => {};
    this.#lastEntry += 1;
    // One map for all kinds: an errand is only ever given replies of its own kind.
    const entry = new Entry(this, this.#lastEntry, errand as unknown as Errand);
    this.#entries.set(entry.number, entry);
    this.#idle ??= this.#host.activity.begin();
    this.#send(entry);
    return () => this.#remove(entry);
  }

  /** From now on requests go this way; those that wait for one go at once. Undefined: there is none now. */
  use(way: Way | undefined): void {
    this.#way = way;
    for (const entry of [...this.#entries.values()]) {
      if (this.#entries.has(entry.number)) this.#send(entry);
    }
  }

  /** The session is over: nothing more is sent. Attempts under way are still listened to, for grants nobody wants any more. */
  stop(): void {
    this.#stopped = true;
    for (const { pause } of this.#entries.values()) pause?.cancel();
    this.#entries.clear();
    this.#idle?.();
  }

  replied(entry: Entry, reply: Replies[CallKind], way: Way): void {
    this.#host.arrived();
    if (this.#stopped) {
      entry.errand.late?.(reply as never);
      return;
    }
    if (!this.#entries.has(entry.number)) return;
    if (!this.#host.admit(reply.header)) {
      this.#again(entry);
      return;
    }
    entry.failures = 0;
    if (entry.errand.reply(reply as never, way)) this.#delete(entry);
    else this.#send(entry);
  }

  failed(entry: Entry, fault: Fault, way: Way): void {
    this.#host.arrived();
    if (!this.#entries.has(entry.number)) return;
    const end = sessionEnd(fault);
    if (end) {
      this.#host.sessionEnded(end);
      return;
    }
    if (!isOpen(fault)) {
      this.#delete(entry);
      entry.errand.refused(fault);
      return;
    }
    // A way that has been replaced is no reason to wait before the new one is used.
    if (way !== this.#way) this.#send(entry);
    else this.#again(entry);
  }

  #send(entry: Entry): void {
    const way = this.#way;
    if (!way || entry.way || entry.pause) return;
    entry.attempts += 1;
    entry.way = way;
    const { attempts, errand } = entry;
    const abandon = way.send(errand.kind, errand.request(), entry);
    // It may have been settled at once, and have been followed by another.
    if (entry.way && entry.attempts === attempts) entry.abandon = abandon;
  }

  #again(entry: Entry): void {
    entry.failures += 1;
    const pauseMs = backoffMs(entry.failures, this.#host.random);
    entry.pause = this.#host.clock.after(pauseMs, () => {
      entry.pause = undefined;
      this.#host.arrived();
      if (this.#entries.has(entry.number)) this.#send(entry);
    });
  }

  #remove(entry: Entry): void {
    if (!this.#delete(entry)) return;
    entry.abandon?.();
    entry.pause?.cancel();
  }

  #delete(entry: Entry): boolean {
    const known = this.#entries.delete(entry.number);
    if (this.#entries.size === 0) {
      this.#idle?.();
      this.#idle = undefined;
    }
    return known;
  }
}
