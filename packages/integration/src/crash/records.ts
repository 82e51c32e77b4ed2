import type { Lock } from "@lockstep/client";

/** One lock as the client that was granted it saw it, by the clock of the clients' process. */
export interface SeenHold {
  readonly client: string;
  readonly key: string;
  readonly token: bigint;
  readonly holdId: bigint;
  /** When the client learnt of the grant, milliseconds. */
  readonly fromMs: number;
  /** When it gave the lock back or learnt that it was lost, milliseconds; undefined while it holds. */
  untilMs: number | undefined;
  /** The release is done: the server has acknowledged it, or the session has passed its client's own deadline. */
  released: boolean;
}

/** What all clients of a run have seen. */
export class Records {
  readonly holds: SeenHold[] = [];
  /** What a client saw that must not happen, in words. */
  readonly problems: string[] = [];
  /** Clients that gave their session up because nobody acknowledged a renewal in time. They renew it no more. */
  readonly deadlinesPassed = new Set<string>();
  readonly #last = new Map<string, { lock: Lock; hold: SeenHold }>();
  #reached: { holds: number; tell: () => void } | undefined;

  /** A client was granted a lock. */
  granted(client: string, lock: Lock): SeenHold {
    const { key, token, holdId } = lock;
    // Whether somebody believes is decided by the clock, whenever anybody looks, and not by when it is noticed.
    const last = this.#last.get(key);
    if (last?.lock.state === "LOST") this.gaveUp(last.hold);
    const fromMs = performance.now();
    const hold = { client, key, token, holdId, fromMs, untilMs: undefined, released: false };
    this.holds.push(hold);
    this.#last.set(key, { lock, hold });
    if (this.#reached && this.holds.length >= this.#reached.holds) this.#reached.tell();
    return hold;
  }

  /** From now on the client does not believe in the lock any more. */
  gaveUp(hold: SeenHold): void {
    hold.untilMs ??= performance.now();
  }

  deadlinePassed(client: string): void {
    this.deadlinesPassed.add(client);
  }

  problem(client: string, what: string): void {
    this.problems.push(`${client}: ${what}`);
  }

  /** Resolves once so many more grants have been seen. One caller at a time. */
  async more(grants: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#reached = { holds: this.holds.length + grants, tell: resolve };
    });
  }
}
