import type { Event } from "@lockstep/protocol";
import { Activity } from "./activity.ts";
import { Admin } from "./admin.ts";
import { Caller, type CallOptions } from "./calls/caller.ts";
import {
  type CampaignOptions,
  type Leader,
  type Leadership,
  leadershipOf,
  leadersOf,
} from "./election.ts";
import { NotGrantedError, type NotGrantedReason } from "./errors.ts";
import type { Lock } from "./lock/lock.ts";
import { type AcquireOptions, type AcquireWish, type LockTargets, wishOf } from "./lock/wish.ts";
import { runUnder } from "./lock/with-lock.ts";
import {
  type ClientOptions,
  CONNECT_TIMEOUT_MS_DEFAULT,
  checkedMs,
  openAttachOf,
  ttlOf,
} from "./options.ts";
import { systemClock } from "./ports/clock.ts";
import { systemRandom } from "./ports/random.ts";
import { Reads } from "./reads.ts";
import { Datasets } from "./replication/datasets.ts";
import { DatasetItems } from "./replication/items.ts";
import { type ReplicationLink, replicationLink } from "./replication/link.ts";
import { Epochs } from "./session/epochs.ts";
import { Sessions } from "./session/sessions.ts";
import { type WatchOptions, type WatchParts, watchEvents } from "./watch.ts";

const MAX_TIMEOUT_MS = 3_600_000;
// The denials of somebody who does not want to wait that mean nothing but: not now.
const TAKEN: ReadonlySet<NotGrantedReason> = new Set(["CONTENDED", "LOCK_DELAY"]);

/** What `createClient` and `connect` return: locks, their history, and the calls of operators. Reads are described at each protocol message. */
export interface Client
  extends AsyncDisposable,
    Pick<
      Reads,
      | "getLock"
      | "listLocks"
      | "listSessions"
      | "listEvents"
      | "checkFence"
      | "requestRelease"
      | "serverInfo"
    >,
    Pick<Admin, "forceRelease"> {
  /** The namespace. */
  readonly namespace: string;
  /** What operators do. */
  readonly admin: Admin;
  /** Datasets: their making, their changes, and reads of them at the server. */
  readonly datasets: Datasets;
  /** What replicas are made on: give the client to `replicate` of `@lockstep/replica`. */
  readonly replication: ReplicationLink;
  /**
   * Resolves once the session is open; opens it if it is not. Not needed before `acquire`.
   * @throws ServerUnreachableError, RequestError, ClientClosedError
   */
  ready(): Promise<void>;
  /**
   * Takes the lock, waiting for its turn: a key, or several keys, which are granted together or not at all.
   * @throws TypeError and RangeError for what cannot be sent; NotGrantedError with reason and blockers; SessionLostError when the session ends meanwhile; LockLostError
   * when the grant came too late to be used; RequestError; ServerUnreachableError; ClientClosedError; the signal's reason
   */
  acquire(what: LockTargets, options?: AcquireOptions): Promise<Lock>;
  /** Takes the lock if nobody holds it or waits for it; otherwise resolves null. Throws what `acquire` throws. */
  tryAcquire(what: LockTargets, options?: Omit<AcquireOptions, "waitMs">): Promise<Lock | null>;
  /**
   * Takes the lock, runs `fn`, gives the lock back. When the lock is lost, `lock.signal` is aborted; once `fn` has
   * settled the call rejects with LockLostError even if `fn` returned, with its error as cause if it threw.
   * Otherwise it settles as `fn` did. `options.signal` ends the wait, not `fn`.
   */
  withLock<T>(
    what: LockTargets,
    fn: (lock: Lock) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<T>;
  /**
   * Stands for election: an EXCLUSIVE lock whose value tells others who leads. Resolves once it is won. Throws what
   * `acquire` throws.
   */
  campaign(key: string, options?: CampaignOptions): Promise<Leadership>;
  /**
   * Who leads: the present leader, then every change, null while there is none. Goes on over lost connections; ends
   * when the client is closed. Throws what `getLock` and `watch` throw.
   */
  observeLeader(key: string, options?: CallOptions): AsyncGenerator<Leader | null, void, undefined>;
  /**
   * Events as they happen, by rising revision, without gap or repetition over reconnects. Ends when the client is closed.
   * @throws RequestError, such as REVISION_COMPACTED when the history asked for is no longer kept
   */
  watch(options?: WatchOptions): AsyncGenerator<Event, void, undefined>;
  /**
   * Releases all locks and ends the session. Handles that were still held report LOST with SESSION_CLOSED, so that
   * code under them stops; waiting acquires reject with ClientClosedError. Never rejects; harmless when called again.
   */
  close(): Promise<void>;
}

/** Makes a client on given transports. It opens its session with the first call that needs one. */
export function createClient(options: ClientOptions): Client {
  return new LockstepClient(options);
}

class LockstepClient implements Client {
  readonly namespace: string;
  readonly admin: Admin;
  readonly datasets: Datasets;
  readonly replication: ReplicationLink;
  readonly #options: ClientOptions;
  readonly #watchParts: WatchParts;
  readonly #sessions: Sessions;
  readonly #reads: Reads;
  readonly #idle: (() => void) | undefined;
  readonly #closed = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(options: ClientOptions) {
    const { transport, namespace = "default", address = "the given transport" } = options;
    const { controlTransport = transport, watchTransport = transport, unref = false } = options;
    const { bulkTransport = watchTransport } = options;
    const clock = options.clock ?? systemClock;
    const random = options.random ?? systemRandom;
    const { connectTimeoutMs = CONNECT_TIMEOUT_MS_DEFAULT } = options;
    const timeoutMs = checkedMs("connectTimeoutMs", connectTimeoutMs, 1, MAX_TIMEOUT_MS);
    const activity = new Activity(clock);
    const epochs = new Epochs();
    const common = { clock, random, activity, epochs, namespace, address, connectTimeoutMs };
    this.namespace = namespace;
    this.#options = options;
    const caller = new Caller({ ...common, timeoutMs });
    this.#reads = new Reads(caller, controlTransport, namespace);
    this.admin = new Admin(caller, controlTransport, namespace);
    const items = new DatasetItems(() => this.#sessions.openStream);
    const carried = { ...common, caller, items, controlTransport, bulkTransport };
    this.datasets = new Datasets({ ...carried, timeoutMs });
    this.replication = replicationLink(carried);
    this.#sessions = new Sessions({
      ...common,
      transport,
      controlTransport,
      ttlMs: ttlOf(options),
      displayName: options.displayName ?? "",
      metadata: options.metadata ?? {},
      openAttach: openAttachOf(options),
    });
    this.#watchParts = {
      ...common,
      transport: watchTransport,
      head: async (signal) => (await this.#reads.serverInfo({ signal })).namespace?.revision ?? 0n,
      closed: this.#closed.signal,
    };
    this.#idle = unref ? undefined : activity.begin();
  }

  async ready(): Promise<void> {
    await this.#sessions.get(undefined);
  }

  acquire(what: LockTargets, options: AcquireOptions = {}): Promise<Lock> {
    // Not `async`: most acquires find an open session, and need no promise but that of their outcome.
    try {
      const wish = wishOf(what, options);
      wish.signal?.throwIfAborted();
      const session = this.#sessions.open;
      return session ? session.acquire(wish) : this.#acquireLater(wish);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async tryAcquire(
    what: LockTargets,
    options: Omit<AcquireOptions, "waitMs"> = {},
  ): Promise<Lock | null> {
    try {
      return await this.acquire(what, { ...options, waitMs: 0 });
    } catch (error) {
      if (error instanceof NotGrantedError && TAKEN.has(error.reason)) return null;
      throw error;
    }
  }

  async withLock<T>(
    what: LockTargets,
    fn: (lock: Lock) => T | Promise<T>,
    options: AcquireOptions = {},
  ): Promise<T> {
    return await runUnder(await this.acquire(what, options), fn);
  }

  async campaign(key: string, options: CampaignOptions = {}): Promise<Leadership> {
    return leadershipOf(await this.acquire({ key, mode: "EXCLUSIVE" }, options));
  }

  observeLeader(
    key: string,
    { signal }: CallOptions = {},
  ): AsyncGenerator<Leader | null, void, undefined> {
    return leadersOf(this, key, signal);
  }

  watch(options: WatchOptions = {}): AsyncGenerator<Event, void, undefined> {
    return watchEvents(this.#watchParts, options);
  }

  getLock: Client["getLock"] = (...args) => this.#reads.getLock(...args);
  listLocks: Client["listLocks"] = (...args) => this.#reads.listLocks(...args);
  listSessions: Client["listSessions"] = (...args) => this.#reads.listSessions(...args);
  listEvents: Client["listEvents"] = (...args) => this.#reads.listEvents(...args);
  checkFence: Client["checkFence"] = (...args) => this.#reads.checkFence(...args);
  requestRelease: Client["requestRelease"] = (...args) => this.#reads.requestRelease(...args);
  forceRelease: Client["forceRelease"] = (...args) => this.admin.forceRelease(...args);
  serverInfo: Client["serverInfo"] = (...args) => this.#reads.serverInfo(...args);

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #acquireLater(wish: AcquireWish): Promise<Lock> {
    const { signal } = wish;
    const session = await this.#sessions.get(signal);
    // The abort may have come in between, and a signal tells of it only once.
    signal?.throwIfAborted();
    return await session.acquire(wish);
  }

  async #close(): Promise<void> {
    this.#closed.abort();
    await this.#sessions.close();
    this.#idle?.();
    this.#options.onClosed?.();
  }
}
