import type { DriftFound } from "./drift/found.ts";
import { Inspector } from "./drift/inspector.ts";
import { Reporter } from "./drift/reporter.ts";
import { ReplicaClosedError } from "./errors.ts";
import { Events, type ReplicaEvent } from "./events.ts";
import { Duties } from "./follow/duties.ts";
import { Follower } from "./follow/follower.ts";
import { Registration } from "./follow/registration.ts";
import { Waker } from "./follow/waker.ts";
import { Holdings } from "./holdings.ts";
import { type ReplicateOptions, type Settings, settingsOf } from "./options.ts";
import { Courier } from "./poison/courier.ts";
import { type ReadOptions, Reads, type ScanOptions } from "./read/reads.ts";
import type { CheckOptions, CheckResult, Replica } from "./replicate.ts";
import { sameBytes } from "./rows.ts";
import { Standing } from "./standing.ts";
import { type ReplicaStatus, statusOf } from "./status.ts";
import type { DeadLetter } from "./store/store.ts";
import { Scrubber } from "./verify/scrubber.ts";

/** A replica that runs. */
export class RunningReplica<Tx> implements Replica {
  readonly done: Promise<void>;
  readonly #settings: Settings<Tx>;
  readonly #events = new Events();
  readonly #holdings: Holdings<Tx>;
  readonly #standing: Standing<Tx>;
  readonly #courier: Courier;
  readonly #duties: Duties<Tx>;
  readonly #scrubber: Scrubber<Tx>;
  readonly #registration: Registration;
  readonly #reads: Reads<Tx>;
  readonly #stop = new AbortController();
  #lane: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(options: ReplicateOptions<Tx>) {
    const settings = settingsOf(options);
    const { store, dataset, sha256, clock, random, poison, link } = settings;
    const tell = (event: ReplicaEvent) => this.#events.tell(event);
    const waker = new Waker();
    const signal = this.#stop.signal;
    this.#settings = settings;
    this.#holdings = new Holdings(store, dataset, sha256);
    this.#standing = new Standing(this.#holdings, clock, this.#events);
    this.#courier = new Courier(poison, clock, random, tell);
    this.#registration = new Registration(settings);
    this.#reads = new Reads(this.#holdings, this.#standing);
    const generation = () => this.#registration.generation;
    const reporter = new Reporter({ ...settings, link, generation, signal });
    this.#scrubber = new Scrubber(this.#holdings, clock, settings.scrubPassMs, () => waker.wake());
    const inspector = new Inspector<Tx>({
      options: settings.drift,
      apply: settings.apply,
      courier: this.#courier,
      found: (found) => this.#found(found, reporter),
    });
    const shared = { inspector, scrubber: this.#scrubber, standing: this.#standing, tell };
    const repairs = settings.drift.onDrift === "REPAIR";
    this.#duties = new Duties({ ...shared, clock, repairs, wake: () => waker.wake() });
    const parts = {
      ...shared,
      settings,
      waker,
      holdings: this.#holdings,
      courier: this.#courier,
      duties: this.#duties,
      registration: this.#registration,
      lane: <T>(work: () => Promise<T>) => this.#inLane(work),
    };
    this.done = this.#run(new Follower(parts, reporter, signal), options.signal);
    // Whoever does not ask is told by every read.
    this.done.catch(() => {});
  }

  ready(options: { readonly waitMs?: number; readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#reads.ready(options);
  }

  get(key: Uint8Array, options: ReadOptions = {}) {
    return this.#reads.get(key, options);
  }

  scan(options: ScanOptions = {}) {
    return this.#reads.scan(options);
  }

  status(): ReplicaStatus {
    return statusOf({
      settings: this.#settings,
      holdings: this.#holdings,
      standing: this.#standing,
      courier: this.#courier,
      scrubber: this.#scrubber,
      registration: this.#registration,
    });
  }

  events(signal?: AbortSignal): AsyncGenerator<ReplicaEvent, void, undefined> {
    return this.#events.listen(signal);
  }

  async check({ repair, signal }: CheckOptions = {}): Promise<CheckResult> {
    if (this.#standing.stopped) throw this.#standing.stopped;
    const { asOf, drift, scrubbed } = await this.#duties.check(repair, signal);
    return { asOf, drift, ...scrubbed };
  }

  async deadLetters(): Promise<readonly DeadLetter[]> {
    return await this.#holdings.store.letters();
  }

  async replay(key?: Uint8Array): Promise<number> {
    if (this.#standing.stopped) throw this.#standing.stopped;
    const { apply, store } = this.#settings;
    return await this.#inLane(async () => {
      const letters = (await store.letters()).filter(
        (letter) => key === undefined || sameBytes(letter.key, key),
      );
      try {
        for (const letter of letters) {
          await store.transaction(async (tx) => {
            tx.unpark(letter.id);
            await apply?.(letter, tx.user);
          });
        }
      } finally {
        // Those before one that fails again have been replayed all the same.
        await this.#holdings.lookForLetters();
        this.#standing.changed();
      }
      return letters.length;
    });
  }

  close(): Promise<void> {
    this.#stop.abort();
    this.#closing ??= this.done.catch(() => {});
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(follower: Follower<Tx>, signal: AbortSignal | undefined): Promise<void> {
    const awake = this.#settings.clock.stayAwake();
    const onAbort = () => this.#stop.abort();
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) this.#stop.abort();
    let error: unknown;
    try {
      await follower.run();
    } catch (failure) {
      error = failure;
    }
    this.#stop.abort();
    this.#scrubber.stop();
    signal?.removeEventListener("abort", onAbort);
    const reason = error instanceof Error ? error : new ReplicaClosedError();
    this.#standing.following(undefined);
    this.#standing.stop(reason);
    this.#duties.end(reason);
    this.#events.end();
    awake.cancel();
    await this.#inLane(() => this.#settings.store.close());
    if (error !== undefined) throw error;
  }

  #found(found: DriftFound, reporter: Reporter): void {
    reporter.report(found);
    this.#events.tell({ type: "drift", found });
  }

  #inLane<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lane.then(work, work);
    this.#lane = done.catch(() => {});
    return done;
  }
}
