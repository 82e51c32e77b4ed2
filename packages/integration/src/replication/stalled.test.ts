import { randomBytes } from "node:crypto";
import type { Client } from "@lockstep/client/node";
import { ChangeOp, DEFAULT_LIMITS } from "@lockstep/protocol";
import { expect, onTestFinished, test } from "vitest";
import { memoryMiB, peakMemoryMiB } from "../processes/memory.ts";
import { realTime } from "../real-time.ts";
import { clientForTest, serverForTest } from "../world.ts";

const dataset = "orders";
const MIB = 1024 * 1024;
const STALLED = 64;
/** Each as large as a message of several batches may be; together three windows of a replica. */
const BATCHES = 48;
const BATCH_BYTES = MIB / 4 - 1_024;
const WINDOW_MIB = DEFAULT_LIMITS.max_subscription_window_bytes / MIB;
/** What a stalled replica may take beside its window. */
const BESIDE_MIB = 0.5;
const SENT_WITHIN_MS = 3_000;
const TTL_MS = 6_000;

test("replicas that take nothing cost a real server no more than their windows and half a MiB each, and nobody a lock [REP-38, REP-40]", async () => {
  const server = await serverForTest();
  const client = clientForTest(server, { ttlMs: TTL_MS });
  const lock = await client.acquire("bystander");
  await client.datasets.create({ dataset, reason: "test" });
  const { head } = await client.datasets.describe(dataset);
  const begin = { seq: 0n, logHash: head?.logHash ?? new Uint8Array() };
  for (let at = 0; at < BATCHES; at++) await append(client, at);
  // Each with connections of its own, as different programs would have.
  const clients = Array.from({ length: STALLED }, () => clientForTest(server));
  await Promise.all(clients.map((each) => each.ready()));
  const beforeMiB = memoryMiB(server.pid);

  const stalled = await Promise.all(clients.map((each, at) => stall(each, `stalled ${at}`, begin)));
  for (const { windowBytes } of stalled) expect(Number(windowBytes) / MIB).toBe(WINDOW_MIB);
  await realTime(SENT_WITHIN_MS, "for the server to send all that it may");
  await append(client, BATCHES);

  const tookMiB = peakMemoryMiB(server.pid) - beforeMiB;
  console.info(`${STALLED} stalled replicas took ${tookMiB.toFixed(0)} MiB`);
  expect(tookMiB).toBeLessThan(STALLED * (WINDOW_MIB + BESIDE_MIB));
  lock.assertHeld();
  // What was not sent is read when they take it: nothing is missing.
  for (const { next } of stalled) {
    expect(await next()).toMatchObject({ case: "changes", value: { prevSeq: 0n } });
  }
});

async function append(client: Client, at: number): Promise<void> {
  const key = Buffer.from(`row ${at}`);
  const value = Buffer.alloc(BATCH_BYTES, "x");
  const change = { op: ChangeOp.PUT, key, value, schemaVersion: 1 };
  await client.datasets.append({ dataset, changes: [change] });
}

/** Registers a replica and begins to follow as it, with the window that the server gives; takes the first part only. */
async function stall(
  { replication }: Client,
  replica: string,
  begin: { readonly seq: bigint; readonly logHash: Uint8Array },
) {
  const instance = randomBytes(16);
  const { generation } = await replication.register({ dataset, replica, instance });
  const start = { case: "cursor", value: begin } as const;
  const stopped = new AbortController();
  onTestFinished(() => stopped.abort());
  const request = { dataset, replica, generation, start };
  const parts = replication.subscribe(request, stopped.signal)[Symbol.asyncIterator]();
  const next = async () => {
    const { done, value } = await parts.next();
    if (done === true) throw new Error("the subscription has ended");
    return value.part;
  };
  const first = await next();
  if (first.case !== "started") throw new Error(`expected started, got ${first.case}`);
  return { windowBytes: first.value.windowBytes, next };
}
