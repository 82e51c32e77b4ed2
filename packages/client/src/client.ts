import type { Event } from "@lockstep/protocol";
import { Activity } from "./activity.ts";
import { NotGrantedError, type NotGrantedReason } from "./errors.ts";
import type { Lock } from "./lock/handle.ts";
import { runUnder } from "./lock/with-lock.ts";
import { type ClientOptions, CONNECT_TIMEOUT_MS_DEFAULT, checkedMs, ttlOf } from "./options.ts";
import { systemClock } from "./ports/clock.ts";
import { systemRandom } from "./ports/random.ts";
import { Reads } from "./reads.ts";
import { Epochs } from "./session/epochs.ts";
import { Sessions } from "./session/sessions.ts";
import { type WatchOptions, type WatchParts, watchEvents } from "./watch.ts";

// The server counts a longer wait as the longest it allows.
const MAX_WAIT_MS = 2 ** 31 - 1;
const MAX_TIMEOUT_MS = 3_600_000;
// The denials of somebody who does not want to wait that mean nothing but: not now.
const TAKEN: ReadonlySet<NotGrantedReason> = new Set(["CONTENDED", "LOCK_DELAY"]);

/** How to acquire a lock. */
export interface AcquireOptions {
  /** How long to wait in the queue, milliseconds; 0 does not wait. Default: as long as the server allows. Counted by the server. */
  readonly waitMs?: number;
  /** Takes the request back; the call rejects with the signal's reason and leaves no waiter behind. */
  readonly signal?: AbortSignal;
  /** Who in this process asks, such as a task: an owner waits for one lock at a time and cannot take a key twice. Default: nobody else. */
  readonly owner?: string;
  /** Stored in the events this causes, at most 128 bytes. Default empty. */
  readonly correlationId?: string;
}

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
      | "forceRelease"
      | "serverInfo"
    > {
  /** The namespace. */
  readonly namespace: string;
  /**
   * Resolves once the session is open; opens it if it is not. Not needed before `acquire`.
   * @throws ServerUnreachableError, RequestError, ClientClosedError
   */
  ready(): Promise<void>;
  /**
   * Takes the lock, waiting for its turn.
   * @throws NotGrantedError with reason and blockers; SessionLostError when the session ends meanwhile; LockLostError
   * when the grant came too late to be used; RequestError; ServerUnreachableError; ClientClosedError; the signal's reason
   */
  acquire(key: string, options?: AcquireOptions): Promise<Lock>;
  /** Takes the lock if nobody holds it or waits for it; otherwise resolves null. Throws what `acquire` throws. */
  tryAcquire(key: string, options?: Omit<AcquireOptions, "waitMs">): Promise<Lock | null>;
  /**
   * Takes the lock, runs `fn`, gives the lock back. When the lock is lost, `lock.signal` is aborted; once `fn` has
   * settled the call rejects with LockLostError even if `fn` returned, with its error as cause if it threw.
   * Otherwise it settles as `fn` did. `options.signal` ends the wait, not `fn`.
   */
  withLock<T>(
    key: string,
    fn: (lock: Lock) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<T>;
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
    const clock = options.clock ?? systemClock;
    const random = options.random ?? systemRandom;
    const { connectTimeoutMs = CONNECT_TIMEOUT_MS_DEFAULT } = options;
    const timeoutMs = checkedMs("connectTimeoutMs", connectTimeoutMs, 1, MAX_TIMEOUT_MS);
    const activity = new Activity(clock);
    const epochs = new Epochs();
    const common = { clock, random, activity, epochs, namespace, address, connectTimeoutMs };
    this.namespace = namespace;
    this.#options = options;
    this.#reads = new Reads({ ...common, transport: controlTransport, timeoutMs });
    this.#sessions = new Sessions({
      ...common,
      transport,
      controlTransport,
      ttlMs: ttlOf(options),
      displayName: options.displayName ?? "",
      metadata: options.metadata ?? {},
      attach: options.attach ?? true,
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

  async acquire(key: string, options: AcquireOptions = {}): Promise<Lock> {
    const { waitMs, signal, owner = "", correlationId = "" } = options;
    const wait = waitMs === undefined ? MAX_WAIT_MS : checkedMs("waitMs", waitMs, 0, MAX_WAIT_MS);
    const wish = { key, waitMs: BigInt(wait), owner, correlationId, signal };
    const session = await this.#sessions.get(signal);
    // The abort may have come in between, and a signal tells of it only once.
    signal?.throwIfAborted();
    return await session.acquire(wish);
  }

  async tryAcquire(
    key: string,
    options: Omit<AcquireOptions, "waitMs"> = {},
  ): Promise<Lock | null> {
    try {
      return await this.acquire(key, { ...options, waitMs: 0 });
    } catch (error) {
      if (error instanceof NotGrantedError && TAKEN.has(error.reason)) return null;
      throw error;
    }
  }

  async withLock<T>(
    key: string,
    fn: (lock: Lock) => T | Promise<T>,
    options: AcquireOptions = {},
  ): Promise<T> {
    return await runUnder(await this.acquire(key, options), fn);
  }

  watch(options: WatchOptions = {}): AsyncGenerator<Event, void, undefined> {
    return watchEvents(this.#watchParts, options);
  }

  getLock: Client["getLock"] = (...args) => this.#reads.getLock(...args);
  listLocks: Client["listLocks"] = (...args) => this.#reads.listLocks(...args);
  listSessions: Client["listSessions"] = (...args) => this.#reads.listSessions(...args);
  listEvents: Client["listEvents"] = (...args) => this.#reads.listEvents(...args);
  checkFence: Client["checkFence"] = (...args) => this.#reads.checkFence(...args);
  forceRelease: Client["forceRelease"] = (...args) => this.#reads.forceRelease(...args);
  serverInfo: Client["serverInfo"] = (...args) => this.#reads.serverInfo(...args);

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#closed.abort();
    await this.#sessions.close();
    this.#idle?.();
    this.#options.onClosed?.();
  }
}
