import type { Clock, Timer } from "@lockstep/client";

/** What a guard needs to know of a lock. */
export interface GuardedLock {
  /** How long until its client gives it up unless a renewal is acknowledged, milliseconds. */
  readonly remainingMs: number;
  /** Aborted when it is lost. */
  readonly signal: AbortSignal;
}

/** What a guard does. */
export interface LeaseGuardActions {
  /** Only the grace is left: whoever uses the lock should finish. Called at most once. */
  readonly warn: () => void;
  /** The lock is lost: whoever uses it must not go on. Called at most once. */
  readonly end: () => void;
}

/**
 * Looks after somebody who uses a lock but does not know of its lease. Renewals move both moments;
 * the guard looks again when either would come if no more renewals were acknowledged.
 */
export class LeaseGuard {
  readonly #lock: GuardedLock;
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #actions: LeaseGuardActions;
  readonly #onAbort = () => this.look();
  #timer: Timer | undefined;
  #warned = false;
  #ended = false;
  #stopped = false;

  /** @param graceMs how long before the end of the lease the warning comes; 0 gives none */
  constructor(lock: GuardedLock, clock: Clock, graceMs: number, actions: LeaseGuardActions) {
    this.#lock = lock;
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#actions = actions;
    lock.signal.addEventListener("abort", this.#onAbort);
    this.look();
  }

  /** Whether somebody was told to finish or to end. */
  get acted(): boolean {
    return this.#warned || this.#ended;
  }

  /** Decides what the clock says. Called by itself, and by whoever knows that time has been missed. */
  look(): void {
    this.#timer?.cancel();
    if (this.#ended || this.#stopped) return;
    const { remainingMs } = this.#lock;
    if (this.#lock.signal.aborted || remainingMs <= 0) {
      this.#ended = true;
      this.#actions.end();
      return;
    }
    if (remainingMs <= this.#graceMs && !this.#warned) {
      this.#warned = true;
      this.#actions.warn();
    }
    const untilMs = remainingMs > this.#graceMs ? remainingMs - this.#graceMs : remainingMs;
    this.#timer = this.#clock.after(untilMs, () => this.look());
  }

  /** The lock is used no more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#lock.signal.removeEventListener("abort", this.#onAbort);
  }
}
