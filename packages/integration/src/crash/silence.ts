import type { Client } from "@lockstep/client";
import { realTime } from "../real-time.ts";

const PROBE_EVERY_MS = 100;

/** Measures for how long at most nobody answered: the server was down, or the machine had no time for it or for us. */
export class Silence {
  #longestMs = 0;
  #lastAnswerMs = performance.now();
  #stopped = false;
  readonly #running: Promise<void>;

  /** @param client asks again and again, beside the clients under test */
  constructor(client: Client) {
    this.#running = this.#probe(client);
  }

  /** The longest time between two answers so far, milliseconds. */
  get longestMs(): number {
    return Math.max(this.#longestMs, performance.now() - this.#lastAnswerMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #probe(client: Client): Promise<void> {
    while (!this.#stopped) {
      try {
        await client.serverInfo();
        this.#longestMs = this.longestMs;
        this.#lastAnswerMs = performance.now();
      } catch {
        // No answer is what is measured.
      }
      await realTime(PROBE_EVERY_MS, "between two questions to the server");
    }
  }
}
