import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  ErrorReason,
  errorDetailOf,
  LockService,
  type SessionRef,
  SessionService,
} from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  acquireOf,
  openSession,
  startTestServer,
  type TestServer,
  transportTo,
} from "../testing-support/test-server.ts";

let running: TestServer;
let holder: SessionRef;
let waiter: SessionRef;
let holdId: bigint;

beforeEach(async () => {
  running = await startTestServer();
  holder = await openSession(transportTo(running.server.url), 1);
  waiter = await openSession(transportTo(running.server.url), 2);
  const { outcome } = await locks().acquire({ ...acquireOf("k", 1n), session: holder });
  holdId = (outcome.value as { holdId: bigint }).holdId;
});
afterEach(() => running.close());

const locks = () => createClient(LockService, transportTo(running.server.url));
const long = { waitMs: 60_000n, pollTimeoutMs: 10_000n };
const ask = (more: object, options = {}) =>
  locks().acquire({ ...acquireOf("k", 1n, more), session: waiter }, options);
const release = () => locks().release({ session: holder, requestId: 2n, holdId, token: holdId });

/** Settles when the server has taken in what is on its way. */
const arrived = (waiters: bigint) =>
  expect.poll(() => running.namespace.info().counters?.waiters).toBe(waiters);

describe("a unary acquire", () => {
  test("answers queued at once without a poll timeout [LOCK-25]", async () => {
    expect((await ask({ waitMs: 60_000n })).outcome.case).toBe("queued");
  });

  test("stays open until the grant", async () => {
    const asked = ask(long);
    await arrived(1n);
    await release();
    expect((await asked).outcome.case).toBe("granted");
  });

  test("answers queued when the poll's time passes, and a repeat goes on listening [LOCK-25]", async () => {
    const asked = ask(long);
    await arrived(1n);
    await running.clock.advance(10_000);
    expect(await asked).toMatchObject({ outcome: { case: "queued", value: { position: 0 } } });
    const again = ask(long);
    await release();
    expect((await again).outcome.case).toBe("granted");
  });

  test("leaves its ticket waiting when the caller goes away [SES-79, LOCK-25]", async () => {
    const leave = new AbortController();
    const asked = ask(long, { signal: leave.signal }).catch((error) => error);
    await arrived(1n);
    leave.abort();
    expect(await asked).toBeInstanceOf(ConnectError);
    await release();
    expect((await ask({ waitMs: 60_000n })).outcome.case).toBe("granted");
  });

  test("ends with SERVER_STOPPING when the server stops, its ticket waits on [GEN-96]", async () => {
    const asked = ask(long).catch((error) => error);
    await arrived(1n);
    const stopped = running.server.close();
    const error = await asked;
    expect(error).toMatchObject({ code: Code.Unavailable });
    expect(errorDetailOf(error)?.reason).toBe(ErrorReason.SERVER_STOPPING);
    await stopped;
    expect(running.namespace.info().counters?.waiters).toBe(1n);
  });

  test("ends with DEADLINE_EXCEEDED when the caller's own time passes first [GEN-89]", async () => {
    const asked = ask(long, { headers: { "connect-timeout-ms": "2000" } }).catch((error) => error);
    await arrived(1n);
    await running.clock.advance(2_000);
    const error = await asked;
    expect(error).toMatchObject({ code: Code.DeadlineExceeded });
    expect(errorDetailOf(error)?.reason).toBe(ErrorReason.DEADLINE_EXCEEDED);
    await arrived(1n);
  });

  test("has time for its longest poll when the caller names none", async () => {
    const asked = ask({ waitMs: 3_600_000n, pollTimeoutMs: 60_000n });
    await arrived(1n);
    // The sessions must not expire meanwhile.
    for (let second = 0; second < 60; second += 10) {
      await running.clock.advance(10_000);
      await keepAlive(waiter);
      await keepAlive(holder);
    }
    expect((await asked).outcome.case).toBe("queued");
  });
});

async function keepAlive(session: SessionRef): Promise<void> {
  await createClient(SessionService, transportTo(running.server.url)).keepAlive({ session });
}
