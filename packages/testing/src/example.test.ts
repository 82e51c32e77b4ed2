/**
 * How an application tests what it does under a lock: its own code, a real server in the same process,
 * and time that passes only when the test says so.
 */
import type { Client } from "@lockstep/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./index.ts";

/** The application: whoever gets the lock writes the report, in steps, and stops when the lock is lost. */
async function writeReport(
  client: Client,
  write: (page: number) => Promise<void>,
): Promise<string> {
  const lock = await client.tryAcquire("nightly-report");
  if (!lock) return "somebody else writes it";
  await using _ = lock;
  for (let page = 1; page <= 3; page++) {
    if (lock.signal.aborted) return `stopped before page ${page}`;
    await write(page);
  }
  return "written";
}

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

test("the report is written by one of two workers", async () => {
  const pages: number[] = [];
  const write = async (page: number) => void pages.push(page);
  const outcomes = await Promise.all([
    writeReport(server.client(), write),
    writeReport(server.client(), write),
  ]);
  expect(outcomes.sort()).toEqual(["somebody else writes it", "written"]);
  expect(pages).toEqual([1, 2, 3]);
});

test("a worker that is cut off stops before another one begins", async () => {
  const first = server.client({ displayName: "worker 1" });
  const second = server.client({ displayName: "worker 2" });
  const outcome = await writeReport(first, async (page) => {
    if (page !== 2) return;
    server.disconnect(first);
    await server.advance(16_000);
    expect(await writeReport(second, async () => undefined)).toBe("written");
  });
  expect(outcome).toBe("stopped before page 3");
});

test("a report that takes hours keeps its lock", async () => {
  const outcome = await writeReport(server.client(), () => server.advance(3_600_000));
  expect(outcome).toBe("written");
});
