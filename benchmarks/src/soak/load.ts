import type { Client } from "@lockstep/client/node";

/** Callers who take and release a lock each, without a pause, until they are told to stop. */
export class Load {
  readonly #all: Promise<unknown>;
  #tookMs: number[] = [];
  #stopped = false;
  #failure: unknown;

  constructor(client: Client, callers: number) {
    this.#all = Promise.all(
      Array.from({ length: callers }, (_, caller) => this.#work(client, `load/${caller}`)),
    );
  }

  /** What the first failing caller met; all others have stopped too. */
  get failure(): unknown {
    return this.#failure;
  }

  /** How long the cycles took that have ended since the last call, milliseconds. */
  take(): number[] {
    const tookMs = this.#tookMs;
    this.#tookMs = [];
    return tookMs;
  }

  /** Lets every caller end its cycle. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#all;
  }

  async #work(client: Client, key: string): Promise<void> {
    try {
      while (!this.#stopped && this.#failure === undefined) {
        const fromMs = performance.now();
        const lock = await client.acquire(key);
        await lock.release();
        this.#tookMs.push(performance.now() - fromMs);
      }
    } catch (error) {
      this.#failure ??= error;
    }
  }
}
