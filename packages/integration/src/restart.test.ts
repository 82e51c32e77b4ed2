import type { Client } from "@lockstep/client";
import { FenceStatus } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { allEvents } from "./history/all-events.ts";
import type { ServerProcess } from "./processes/server-process.ts";
import { clientForTest, serverForTest } from "./world.ts";

const KEY = "orders/42";
const EPOCHS_AFTER_ONE_RESTART = [1n, 2n];

const ends: [string, (server: ServerProcess) => Promise<void>][] = [
  [
    "stopped in good order",
    async (server) => expect(await server.stop()).toEqual({ code: 0, signal: null }),
  ],
  ["killed", (server) => server.kill()],
];

describe.each(ends)("when the server is %s and started again", (_, end) => {
  test("a lock stays held, and those who wait keep their place and are granted in turn [REC-2, REC-6]", async () => {
    const server = await serverForTest();
    const [holder, second, third, reader] = clients(server);
    const held = await holder.acquire(KEY);
    const secondLock = second.acquire(KEY);
    await eventually("for the second to wait", async () => (await queueOf(reader)).length === 1);
    const thirdLock = third.acquire(KEY);
    await eventually("for the third to wait", async () => (await queueOf(reader)).length === 2);
    const queue = await queueOf(reader);

    await end(server);
    await server.startAgain();

    expect(await queueOf(reader)).toEqual(queue);
    expect((await reader.checkFence(KEY, held.token)).status).toBe(FenceStatus.CURRENT);
    held.assertHeld();
    await held.release();
    const next = await secondLock;
    expect(next.token).toBeGreaterThan(held.token);
    expect(await queueOf(reader)).toEqual(queue.slice(1));
    await next.release();
    const last = await thirdLock;
    expect(last.token).toBeGreaterThan(next.token);
    await last.release();
  });

  test("a watch goes on without a gap or a repetition [REC-1, LOCK-163, LOCK-155]", async () => {
    const server = await serverForTest();
    const [first, , , watcher] = clients(server);
    const seen: bigint[] = [];
    const stop = new AbortController();
    const watched = (async () => {
      for await (const { revision } of watcher.watch({ afterRevision: 0n, signal: stop.signal })) {
        seen.push(revision);
      }
    })();
    await (await first.acquire(KEY)).release();
    await eventually("for the watch to be under way", () => seen.length > 0);

    await end(server);
    await server.startAgain();

    await (await first.acquire(KEY)).release();
    const events = await allEvents(watcher);
    await eventually("for the watch to catch up", () => seen.length >= events.length);
    stop.abort(new Error("seen enough"));
    await expect(watched).rejects.toThrow("seen enough");
    expect(seen).toEqual(events.map(({ revision }) => revision));
    const epochs = events.flatMap(({ body }) =>
      body.case === "epochStarted" ? [body.value.epoch] : [],
    );
    expect(epochs).toEqual(EPOCHS_AFTER_ONE_RESTART);
  });
});

test("a release that was sent while the server was down is done once it is back [GEN-61]", async () => {
  const server = await serverForTest();
  const [holder, second, , reader] = clients(server);
  const held = await holder.acquire(KEY);
  const waiting = second.acquire(KEY);
  await eventually("for the second to wait", async () => (await queueOf(reader)).length === 1);
  await server.kill();
  const released = held.release();
  expect(held.state).toBe("RELEASING");
  await server.startAgain();
  await released;
  expect(held.state).toBe("RELEASED");
  expect((await waiting).token).toBeGreaterThan(held.token);
});

function clients(server: ServerProcess) {
  const client = () => clientForTest(server);
  return [client(), client(), client(), client()] as const;
}

async function queueOf(client: Client): Promise<bigint[]> {
  const { lock } = await client.getLock(KEY);
  return lock?.queue.map(({ ticketId }) => ticketId) ?? [];
}
