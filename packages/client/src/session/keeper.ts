import { create } from "@bufbuild/protobuf";
import { type IdRange, KeepAliveRequestSchema, type KeepAliveResponse } from "@lockstep/protocol";
import { BACKOFF_MS_MAX, backoffMs } from "../backoff.ts";
import type { Way } from "../calls/call.ts";
import type { Fault } from "../calls/fault.ts";
import { type Clock, type Instant, instantOf, type Timer } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Lease } from "./lease.ts";

// Three renewals fit into one time to live; the jitter keeps many clients apart.
const RENEWALS_PER_TTL = 3;
const RENEWAL_JITTER = 0.1;
// An attempt without an answer is followed by another one after this part of the time to live, so that
// several fit before the deadline. The unanswered one still counts when its answer comes late.
const ATTEMPTS_PER_TTL = 6;

/** What the keeper asks of its session. */
export interface KeeperHost {
  readonly clock: Clock;
  readonly random: Random;
  /** The session's time to live, milliseconds. */
  ttlMs(): number;
  /** How long the session may be believed in. */
  readonly lease: Pick<Lease, "ageMs">;
  /** The Attach to renew on, if one is open. */
  openStream(): Way | undefined;
  /** The way of unary calls, over the control connection. */
  readonly unary: Way;
  /** What a renewal reports besides its number. */
  report(): { seenRevision: bigint; answered: IdRange[] };
  /** Something has arrived: decides what the clock says before it takes effect. */
  arrived(): void;
  /** A renewal sent at `sentAt` was answered. False: the reply must not be believed. */
  acknowledged(sentAt: Instant, reply: KeepAliveResponse): boolean;
  /** A renewal failed. */
  failed(fault: Fault): void;
  /** The server answers, but not on this stream. */
  streamIsDead(stream: Way): void;
}

/** Renews the session in time. Renewals never queue behind other work and never stop before the session does. */
export class Keeper {
  readonly #host: KeeperHost;
  #seq = 0n;
  #failures = 0;
  #timer: Timer | undefined;
  #now: Timer | undefined;
  // Attempts under way, by number: the way they took, and how to stop listening.
  readonly #underWay = new Map<bigint, { way: Way; abandon: () => void }>();
  #stopped = false;

  constructor(host: KeeperHost) {
    this.#host = host;
  }

  /**
   * Starts renewing; the first renewal is due a third of the time to live, give or take a tenth, after the first attempt
   * to open: opening may have taken long, and a repeat of it adds no time.
   */
  start(): void {
    this.#schedule(Math.max(0, this.#intervalMs() - this.#host.lease.ageMs()));
  }

  /** Renews at once: to confirm news, or to find out whether the server answers. */
  renewNow(): void {
    if (this.#stopped || this.#now) return;
    this.#now = this.#host.clock.after(0, () => {
      this.#now = undefined;
      this.#renew();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#now?.cancel();
    for (const { abandon } of this.#underWay.values()) abandon();
    this.#underWay.clear();
  }

  #schedule(ms: number): void {
    this.#timer?.cancel();
    if (!this.#stopped) this.#timer = this.#host.clock.after(ms, () => this.#renew());
  }

  #intervalMs(): number {
    const jitter = 1 - RENEWAL_JITTER + 2 * RENEWAL_JITTER * this.#host.random.fraction();
    return (this.#host.ttlMs() / RENEWALS_PER_TTL) * jitter;
  }

  #renew(): void {
    this.#host.arrived();
    if (this.#stopped) return;
    this.#schedule(this.#host.ttlMs() / ATTEMPTS_PER_TTL);
    const stream = this.#host.openStream();
    // A stream that owes an answer is not asked twice.
    const owes = [...this.#underWay.values()].some(({ way }) => way === stream);
    this.#attempt(stream && !owes ? stream : this.#host.unary);
  }

  #attempt(way: Way): void {
    this.#seq += 1n;
    const seq = this.#seq;
    const sentAt = instantOf(this.#host.clock);
    const request = create(KeepAliveRequestSchema, { seq, ...this.#host.report() });
    let settled = false;
    const abandon = way.send("keepAlive", request, {
      reply: (reply) => {
        settled = true;
        this.#underWay.delete(seq);
        this.#answered(seq, sentAt, way, reply);
      },
      fault: (fault) => {
        settled = true;
        this.#underWay.delete(seq);
        this.#faulted(fault);
      },
    });
    if (!settled) this.#underWay.set(seq, { way, abandon });
  }

  #answered(seq: bigint, sentAt: Instant, way: Way, reply: KeepAliveResponse): void {
    this.#host.arrived();
    if (this.#stopped) return;
    // A reply to another attempt would move the deadline by the wrong send time.
    if (reply.seq !== seq || !this.#host.acknowledged(sentAt, reply)) {
      this.#retry();
      return;
    }
    if (this.#stopped) return;
    this.#failures = 0;
    this.#schedule(this.#intervalMs());
    if (way !== this.#host.unary) return;
    for (const [earlier, attempt] of this.#underWay) {
      if (earlier < seq && attempt.way === this.#host.openStream()) {
        this.#host.streamIsDead(attempt.way);
        return;
      }
    }
  }

  #faulted(fault: Fault): void {
    this.#host.arrived();
    if (this.#stopped) return;
    this.#host.failed(fault);
    if (!this.#stopped) this.#retry();
  }

  #retry(): void {
    this.#failures += 1;
    const maxMs = Math.min(BACKOFF_MS_MAX, this.#host.ttlMs() / ATTEMPTS_PER_TTL);
    this.#schedule(backoffMs(this.#failures, this.#host.random, maxMs));
  }
}
