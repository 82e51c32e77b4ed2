import type { Clock } from "../../ports/clock.ts";
import { onAbort } from "../on-abort.ts";

/** How many subscriptions read and send in one turn. A message of a batch as large as it may be takes some milliseconds. */
const AT_ONCE = 4;

/** One that waits for its turn: told whether it has come. */
type Waiting = (hasTurn: boolean) => void;

/**
 * Lets subscriptions read a few at a time, in their order; what was read leaves in the same turn of the event loop.
 * When thousands have something to be sent at once, as after an append or when they begin, whoever else waits for
 * the server is answered in between.
 */
export class SendTurns {
  readonly #clock: Pick<Clock, "afterTurn">;
  #waiting: Waiting[] = [];
  #free = AT_ONCE;

  constructor(clock: Pick<Clock, "afterTurn">) {
    this.#clock = clock;
  }

  /** Reads when its turn has come, or at once when one of the signals aborts: then `read` has to throw. */
  async run<T>(signals: readonly AbortSignal[], read: () => Promise<T>): Promise<T> {
    const hasTurn = this.#takeFree() || (await this.#wait(signals));
    try {
      return await read();
    } finally {
      if (hasTurn) this.#clock.afterTurn(() => this.#pass());
    }
  }

  #takeFree(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  #wait(signals: readonly AbortSignal[]): Promise<boolean> {
    if (signals.some(({ aborted }) => aborted)) return Promise.resolve(false);
    return new Promise((resolve) => {
      const leave = () => {
        this.#waiting = this.#waiting.filter((each) => each !== tell);
        tell(false);
      };
      const stops = signals.map((signal) => onAbort(signal, leave));
      const tell: Waiting = (hasTurn) => {
        for (const stop of stops) stop();
        resolve(hasTurn);
      };
      this.#waiting.push(tell);
    });
  }

  #pass(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next(true);
  }
}
