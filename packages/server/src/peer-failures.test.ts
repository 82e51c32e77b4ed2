// Failures that other lock services were reported to have, as tests of this one. Each name ends with the
// report it answers.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import {
  type AcquireRequestSchema,
  CancelOutcome,
  DeniedReason,
  ErrorReason,
  errorDetailOf,
  KeyState,
  LockMode,
  LockService,
  Reentrancy,
  ReleaseOutcome,
  type SessionRef,
  SessionRefSchema,
  SessionService,
} from "@lockstep/protocol";
import { beforeEach, expect, test } from "vitest";
import {
  secretOf,
  type TestServer,
  testServers,
  transportTo,
} from "./testing-support/test-server.ts";

const start = testServers();
let running: TestServer;
let lastSeed = 0;

beforeEach(async () => {
  running = await start();
});

const locks = () => createClient(LockService, transportTo(running.server.url));
const sessions = () => createClient(SessionService, transportTo(running.server.url));

async function open(ttlMs = 10_000n): Promise<SessionRef> {
  lastSeed += 1;
  const secret = secretOf(lastSeed);
  const { sessionId } = await sessions().openSession({ namespace: "default", secret, ttlMs });
  return create(SessionRefSchema, { namespace: "default", sessionId, secret });
}

async function acquire(
  session: SessionRef,
  requestId: bigint,
  more: MessageInitShape<typeof AcquireRequestSchema> = {},
) {
  const targets = [{ key: "k", mode: LockMode.EXCLUSIVE }];
  const { outcome } = await locks().acquire({ session, requestId, targets, ...more });
  return outcome;
}

async function granted(...asked: Parameters<typeof acquire>) {
  const outcome = await acquire(...asked);
  if (outcome.case !== "granted") throw new Error(`${outcome.case} instead of granted`);
  return outcome.value;
}

async function holders(): Promise<bigint[]> {
  const { lock } = await locks().getLock({ namespace: "default", key: "k" });
  return (lock?.holders ?? []).map(({ holdId }) => holdId);
}

async function grantsTo({ sessionId }: SessionRef): Promise<number> {
  const { events } = await locks().listEvents({ namespace: "default", pageSize: 1_000 });
  return events.filter(
    ({ body }) => body.case === "lockGranted" && body.value.sessionId === sessionId,
  ).length;
}

test("a release that is retried after its reply was lost does not free a newer hold (etcd#22082)", async () => {
  const [first, second] = [await open(), await open()];
  const old = await granted(first, 1n);
  const release = { session: first, requestId: 2n, holdId: old.holdId, token: old.token };
  expect((await locks().release(release)).outcome).toBe(ReleaseOutcome.RELEASED);
  const others = await granted(second, 1n);

  expect((await locks().release(release)).outcome).toBe(ReleaseOutcome.RELEASED);
  expect((await locks().release({ ...release, requestId: 3n })).outcome).toBe(
    ReleaseOutcome.ALREADY_RELEASED,
  );
  expect(await holders()).toEqual([others.holdId]);

  const { holdId, token } = others;
  await locks().release({ session: second, requestId: 2n, holdId, token });
  const own = await granted(first, 4n);
  expect((await locks().release(release)).outcome).toBe(ReleaseOutcome.RELEASED);
  expect((await locks().release({ ...release, requestId: 5n })).outcome).toBe(
    ReleaseOutcome.ALREADY_RELEASED,
  );
  expect(await holders()).toEqual([own.holdId]);
});

test("a waiter whose session has expired is not granted the lock (etcd#11456)", async () => {
  const [holder, dying, third] = [await open(60_000n), await open(2_000n), await open(60_000n)];
  const { holdId, token } = await granted(holder, 1n);
  expect((await acquire(dying, 1n, { waitMs: 60_000n })).case).toBe("queued");
  expect((await acquire(third, 1n, { waitMs: 60_000n })).case).toBe("queued");
  await running.clock.advance(3_000);

  await locks().release({ session: holder, requestId: 2n, holdId, token });
  expect(await grantsTo(dying)).toBe(0);
  expect(await grantsTo(third)).toBe(1);
  await expect(acquire(dying, 1n, { waitMs: 60_000n })).rejects.toSatisfy(
    (error) => errorDetailOf(error)?.reason === ErrorReason.SESSION_EXPIRED,
  );
});

test("what a dying session has left behind gives its successor no ownership (curator#1121)", async () => {
  const shape = { owner: "worker", reentrancy: Reentrancy.COUNT };
  const dying = await open(5_000n);
  const old = await granted(dying, 1n, shape);
  const successor = await open(60_000n);

  // The same client, the same owner: yet another session, so it neither holds nor enters again.
  expect((await acquire(successor, 1n, { ...shape, waitMs: 60_000n })).case).toBe("queued");
  expect(await holders()).toEqual([old.holdId]);
  expect(
    (
      await locks().release({
        session: successor,
        requestId: 2n,
        holdId: old.holdId,
        token: old.token,
      })
    ).outcome,
  ).toBe(ReleaseOutcome.NOT_HOLDER);
  expect(await holders()).toEqual([old.holdId]);

  await running.clock.advance(6_000);
  const next = await granted(successor, 1n, { ...shape, waitMs: 60_000n });
  expect(next.token).toBeGreaterThan(old.token);
  expect(next.holdId).not.toBe(old.holdId);
  expect(
    (await locks().release({ session: dying, requestId: 2n, holdId: old.holdId, token: old.token }))
      .outcome,
  ).toBe(ReleaseOutcome.LOST);
  expect(await holders()).toEqual([next.holdId]);
});

test("a reader that wants to write is refused instead of waiting for itself (redisson#4796)", async () => {
  const reader = await open();
  const targets = [{ key: "k", mode: LockMode.SHARED }];
  const held = await granted(reader, 1n, { owner: "worker", targets });

  const converted = await locks().convert({
    session: reader,
    requestId: 2n,
    holdId: held.holdId,
    token: held.token,
    key: "k",
    mode: LockMode.EXCLUSIVE,
    waitMs: 60_000n,
  });
  expect(converted.outcome).toMatchObject({
    case: "denied",
    value: { reason: DeniedReason.UPGRADE_REFUSED },
  });
  expect(await acquire(reader, 3n, { owner: "worker", waitMs: 60_000n })).toMatchObject({
    case: "denied",
    value: { reason: DeniedReason.REENTRANCY },
  });
  expect(await holders()).toEqual([held.holdId]);
});

test("a waiter that was cancelled leaves nothing behind (etcd#18082)", async () => {
  const [holder, fickle, third] = [await open(), await open(), await open()];
  const { holdId, token } = await granted(holder, 1n);
  expect((await acquire(fickle, 1n, { waitMs: 60_000n })).case).toBe("queued");
  const { outcome } = await locks().cancelAcquire({
    session: fickle,
    requestId: 2n,
    acquireRequestId: 1n,
  });
  expect(outcome).toBe(CancelOutcome.CANCELLED);

  const { lock } = await locks().getLock({ namespace: "default", key: "k" });
  expect(lock?.queueLength).toBe(0);
  await locks().release({ session: holder, requestId: 2n, holdId, token });
  const { lock: free } = await locks().getLock({ namespace: "default", key: "k" });
  expect(free?.state).toBe(KeyState.FREE);
  await granted(third, 1n);
  expect(await grantsTo(fickle)).toBe(0);
});
