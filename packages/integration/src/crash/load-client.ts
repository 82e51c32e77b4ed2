import { type Client, type Lock, LockLostError, SessionLostError } from "@lockstep/client";
import { type FenceGuard, parseSequencer } from "@lockstep/protocol";
import { realTime } from "../real-time.ts";
import type { Numbers } from "./numbers.ts";
import type { Records } from "./records.ts";

/** So few keys that most acquires wait. */
const KEYS = 32;
const WORK_MS_MAX = 20;
/** Now and then a lock is held for so long that the server is killed meanwhile. */
const LONG_WORK_MS_MAX = 1_500;
const ONE_LONG_WORK_IN = 25;
const PAUSE_MS_MAX = 40;
const PATIENCE_MS_MAX = 30;
const WORK = "as long as a lock is held in this load";

/** What the clients of a run share: one resource, guarded by its own rule. */
export interface SharedLoad {
  readonly records: Records;
  readonly guard: FenceGuard;
}

/** A client that takes and gives back locks, one after the other, until it is told to finish. */
export class LoadClient {
  readonly #name: string;
  readonly #client: Client;
  readonly #numbers: Numbers;
  readonly #load: SharedLoad;
  #finishing = false;
  #cyclesToGo = 1;

  constructor(name: string, client: Client, numbers: Numbers, load: SharedLoad) {
    this.#name = name;
    this.#client = client;
    this.#numbers = numbers;
    this.#load = load;
  }

  /** Resolves when its session is open. */
  async ready(): Promise<void> {
    await this.#client.ready();
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** Ends after one more grant: a client that cannot go on would never end. */
  finish(): void {
    this.#finishing = true;
  }

  async run(): Promise<void> {
    while (!this.#finishing || this.#cyclesToGo > 0) {
      try {
        const lock = await this.#acquire(`crash/${this.#numbers.below(KEYS)}`);
        if (lock) {
          await this.#work(lock);
          if (this.#finishing) this.#cyclesToGo -= 1;
        }
      } catch (error) {
        this.#failed(error);
      }
      await realTime(this.#numbers.below(PAUSE_MS_MAX), "between two locks of this load");
    }
  }

  #failed(error: unknown): void {
    const { records } = this.#load;
    const lost = error instanceof SessionLostError || error instanceof LockLostError;
    if (lost && error.reason === "DEADLINE_PASSED") records.deadlinePassed(this.#name);
    else records.problem(this.#name, String(error));
  }

  async #acquire(key: string): Promise<Lock | null> {
    const way = this.#numbers.below(10);
    if (way === 0) return await this.#client.tryAcquire(key);
    if (way === 1) return await this.#impatient(key);
    return await this.#client.acquire(key);
  }

  /** Takes its wish back after a moment. */
  async #impatient(key: string): Promise<Lock | null> {
    const stop = new AbortController();
    const enough = new Error("waited long enough");
    const patienceMs = this.#numbers.below(PATIENCE_MS_MAX);
    void realTime(patienceMs, "as long as an impatient client waits").then(() =>
      stop.abort(enough),
    );
    try {
      return await this.#client.acquire(key, { signal: stop.signal });
    } catch (error) {
      if (error === enough) return null;
      throw error;
    }
  }

  async #work(lock: Lock): Promise<void> {
    const { records, guard } = this.#load;
    const hold = records.granted(this.#name, lock);
    lock.lost.then(({ reason, token }) => {
      records.gaveUp(hold);
      this.#failed(new LockLostError(lock.key, reason, token));
    });
    const isLong = this.#numbers.below(ONE_LONG_WORK_IN) === 0;
    await realTime(this.#numbers.below(isLong ? LONG_WORK_MS_MAX : WORK_MS_MAX), WORK);
    lock.assertHeld();
    if (!guard.admit(parseSequencer(lock.sequencer))) {
      records.problem(this.#name, `the resource refused the live ${lock.sequencer}`);
    }
    records.gaveUp(hold);
    await lock.release();
    hold.released = lock.state === "RELEASED";
  }
}
