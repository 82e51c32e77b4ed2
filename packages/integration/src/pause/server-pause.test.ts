// A server that stands still, as a suspended machine does, while its clients renew.
import { type Client, ClientClosedError, type Lock, LockLostError } from "@lockstep/client";
import { describe, expect, onTestFinished, test } from "vitest";
import { eventually } from "../eventually.ts";
import { allEvents } from "../history/all-events.ts";
import { LockHistory } from "../history/lock-history.ts";
import type { ServerProcess } from "../processes/server-process.ts";
import { realTime } from "../real-time.ts";
import { waysToServer } from "../ways.ts";
import { clientForTest, serverForTest } from "../world.ts";
import { Renewer, type RenewerWay, renewerWays } from "./renewer.ts";

const TTL_MS = 2_000;
const SHARES = [0.3, 0.7, 1, 1.5];
const CLIENTS_PER_WAY = 3;
// What a client may believe after it sent a renewal that was acknowledged; the protocol says so.
const BELIEF_MS = TTL_MS * 0.99 - 10;
const SAMPLE_EVERY_MS = 10;

interface Holder {
  readonly lock: Lock;
  /** Who waits for the lock, once it has been granted. */
  successor: Lock | undefined;
  /** Whether the lock was still believed in when its successor was granted. */
  overlapped: boolean;
}

describe.each(SHARES)("while the server stands still for %s of the time to live", (share) => {
  test("nobody believes too long, and nobody loses a session that is renewed [SES-44, SES-42, LOCK-5]", async () => {
    const server = await serverForTest();
    const renewers = await startedRenewers(server);
    const holders = await startedHolders(server);
    const reader = clientForTest(server, { ttlMs: 60_000 });
    for (const holder of holders) void succeed(reader, holder);
    await realTime(TTL_MS / 3, "for the renewals of the clients to come apart");

    await server.pause();
    const stoodStillMs = performance.now();
    const samples = await sampled(holders, stoodStillMs, share * TTL_MS);
    server.resume();
    await realTime(1.5 * TTL_MS, "for whoever does not renew to lose its session");

    expect(samples).toBeGreaterThan(0);
    const lost = holders.filter(({ lock }) => !stillBelieves(lock));
    await eventually("for the locks that were lost to be granted", () =>
      lost.every(({ successor }) => successor !== undefined),
    );
    const history = new LockHistory(await allEvents(reader));
    expect(history.violations).toEqual([]);
    expectNoneExpiredWhileRenewing(history, renewers);
    for (const holder of holders) await expectOnlyOwnDeadline(history, holder);
  });
});

/** Waits for a holder's lock, as long as the test lasts. */
async function succeed(client: Client, holder: Holder): Promise<void> {
  try {
    const next = await client.acquire(holder.lock.key);
    holder.overlapped = stillBelieves(holder.lock);
    holder.successor = next;
  } catch (error) {
    if (!(error instanceof ClientClosedError)) throw error;
  }
}

/** Looks at every lock again and again, for so long; returns how often. */
async function sampled(holders: Holder[], stoodStillMs: number, forMs: number): Promise<number> {
  const lost = new Set<Lock>();
  let samples = 0;
  while (performance.now() < stoodStillMs + forMs) {
    for (const { lock } of holders) {
      const nowMs = performance.now();
      const believes = stillBelieves(lock);
      // Only what was sent before the server stood still can have been acknowledged.
      if (nowMs >= stoodStillMs + BELIEF_MS) expect(believes).toBe(false);
      if (lost.has(lock)) expect(believes).toBe(false);
      if (!believes) {
        lost.add(lock);
        expect(lock.signal.aborted).toBe(true);
        expect(lock.state).toBe("LOST");
      }
    }
    samples += 1;
    await realTime(SAMPLE_EVERY_MS, "between two looks at the locks");
  }
  return samples;
}

/** A renewal that lay unread counts, however long the server stood still. */
function expectNoneExpiredWhileRenewing(history: LockHistory, renewers: Renewer[]): void {
  const expired = new Set(history.expiries.map(({ sessionId }) => sessionId));
  const renewed = renewers.filter(({ longestGapMs }) => longestGapMs < TTL_MS / 2);
  expect(renewed.filter(({ sessionId }) => expired.has(sessionId)).map(({ way }) => way)).toEqual(
    [],
  );
}

/** A client's session expires only after the client itself has given it up and renews no more. */
async function expectOnlyOwnDeadline(
  history: LockHistory,
  { lock, successor, overlapped }: Holder,
): Promise<void> {
  expect(overlapped).toBe(false);
  if (history.lost.has(lock.token)) {
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    expect(await lock.lost).toEqual({ reason: "DEADLINE_PASSED", token: lock.token });
  }
  if (successor) {
    expect(successor.token).toBeGreaterThan(lock.token);
    expect(history.lost).toContain(lock.token);
  }
}

function stillBelieves(lock: Lock): boolean {
  try {
    lock.assertHeld();
    return true;
  } catch {
    return false;
  }
}

async function startedRenewers({ url }: ServerProcess): Promise<Renewer[]> {
  const ways = Object.keys(renewerWays) as RenewerWay[];
  const renewers = await Promise.all(ways.map((way) => Renewer.start(url, way, TTL_MS)));
  onTestFinished(async () => {
    await Promise.all(renewers.map((renewer) => renewer.stop()));
  });
  return renewers;
}

async function startedHolders({ url }: ServerProcess): Promise<Holder[]> {
  const clients = waysToServer.flatMap((way) =>
    Array.from({ length: CLIENTS_PER_WAY }, () => way.client(url, () => {}, { ttlMs: TTL_MS })),
  );
  onTestFinished(async () => {
    await Promise.all(clients.map((client) => client.close()));
  });
  return await Promise.all(
    clients.map(async (client, index) => {
      const lock = await client.acquire(`paused/${index}`);
      return { lock, successor: undefined, overlapped: false };
    }),
  );
}
