import { RequestError } from "../errors.ts";

/** Changes of one kind that may wait for each other on one lock; beyond it they are refused without being sent. */
export const WAITING_CHANGES_MAX = 1_024;

/** Lets one run at a time, the others in the order in which they came. */
export class Turns {
  #current: Promise<unknown> | undefined;
  readonly #waiting: (() => void)[] = [];

  /** Whether one runs. */
  get busy(): boolean {
    return this.#current !== undefined;
  }

  /** Settles, never rejecting, when the one that runs now is over. */
  async end(): Promise<void> {
    await this.#current?.catch(() => {});
  }

  /**
   * Runs `run` when its turn has come; before this returns if nobody else runs.
   * @throws RequestError when WAITING_CHANGES_MAX wait already
   */
  async take<T>(run: () => Promise<T>): Promise<T> {
    if (this.#current) {
      if (this.#waiting.length >= WAITING_CHANGES_MAX) throw tooMany();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const current = run();
    this.#current = current;
    try {
      return await current;
    } finally {
      // Whoever comes now still waits: the turn goes to the next in line before anybody else can see it free.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#current = undefined;
    }
  }
}

function tooMany(): RequestError {
  const metadata = { limit: "WAITING_CHANGES_MAX", max: String(WAITING_CHANGES_MAX) };
  const message = `${WAITING_CHANGES_MAX} changes of this lock wait already; await some of them`;
  return new RequestError("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED", message, metadata);
}
