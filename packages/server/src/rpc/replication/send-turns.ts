import type { Clock } from "../../ports/clock.ts";

/** How many subscriptions read and send in one turn. A message of a batch as large as it may be takes some milliseconds. */
const AT_ONCE = 4;

/**
 * Lets subscriptions read and send a few at a time, in their order. When thousands have something to be sent at
 * once, as after an append or when they begin, whoever else waits for the server is answered in between.
 */
export class SendTurns {
  readonly #clock: Pick<Clock, "afterTurn">;
  readonly #waiting: (() => void)[] = [];
  #free = AT_ONCE;

  constructor(clock: Pick<Clock, "afterTurn">) {
    this.#clock = clock;
  }

  /** Settles when its turn has come. The next one's comes in the turn after `sent` was called. */
  async take(): Promise<{ sent: () => void }> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return { sent: () => this.#clock.afterTurn(() => this.#pass()) };
  }

  #pass(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
