import { type Client, createClient } from "../client.ts";
import type { Lock } from "../lock/lock.ts";
import type { AcquireOptions, LockTargets } from "../lock/wish.ts";
import type { ClientOptions } from "../options.ts";
import { ManualClock } from "../ports/manual-clock.ts";
import type { Random } from "../ports/random.ts";
import { FakeServer } from "./fake-server.ts";

/** The time to live in tests: deadlines are round, and a third is far from any of them. */
export const TTL_MS = 10_000;
/** How long after a send time the client believes in its session. */
export const LEASE_MS = TTL_MS * 0.99 - 10;

/** A client and a scripted server in a world whose time stands still until it is told to move. */
export interface World {
  /** Takes a lock at once. */
  held(what: LockTargets, options?: AcquireOptions): Promise<Lock>;
  readonly clock: ManualClock;
  readonly server: FakeServer;
  readonly client: Client;
  /** Another client of the same server. */
  another(options?: Partial<ClientOptions>): Client;
}

export function world(options: Partial<ClientOptions> = {}): World {
  const clock = new ManualClock();
  const server = new FakeServer();
  const another = (more: Partial<ClientOptions> = {}) =>
    createClient({
      transport: server.transport(),
      controlTransport: server.transport(),
      clock,
      random: evenRandom(),
      ttlMs: TTL_MS,
      ...options,
      ...more,
    });
  const client = another();
  const held = async (what: LockTargets, how?: AcquireOptions) => {
    const acquiring = outcomeOf(client.acquire(what, how));
    await clock.settle();
    if (!acquiring.value) throw new Error("it was not granted", { cause: acquiring.error });
    return acquiring.value;
  };
  return { clock, server, client, another, held };
}

/** No jitter either way: a renewal is due after exactly a third of the time to live. Bytes count up. */
function evenRandom(): Random {
  let last = seeds++;
  return {
    fraction: () => 0.5,
    bytes: (length) => new Uint8Array(length).fill(last++ % 256),
  };
}

let seeds = 1;

/** What a promise has come to so far. */
export function outcomeOf<T>(promise: Promise<T>): {
  value?: T;
  error?: unknown;
  settled: boolean;
} {
  const outcome: { value?: T; error?: unknown; settled: boolean } = { settled: false };
  promise.then(
    (value) => Object.assign(outcome, { value, settled: true }),
    (error: unknown) => Object.assign(outcome, { error, settled: true }),
  );
  return outcome;
}

/** A promise that a test resolves when it wants to. */
export function gate(): { readonly promise: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: resolve };
}
