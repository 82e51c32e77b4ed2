// A history that cannot prove it continues the old one, looked at from outside.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import {
  EpochCause,
  ErrorReason,
  errorDetailOf,
  FenceStatus,
  LockService,
  ServerService,
} from "@lockstep/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Flags, readConfig } from "./config/config.ts";
import { type ServedData, serve } from "./serve.ts";
import { LockWorld } from "./testing-support/lock-world.ts";
import { transportTo } from "./testing-support/test-server.ts";

const namespace = "default";
let folder: string;
let running: ServedData | undefined;
let world: LockWorld;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lockstep-lineage-"));
  const { url } = await start();
  world = new LockWorld(
    url,
    async () => undefined,
    async () => undefined,
  );
});
afterEach(async () => {
  await running?.close();
  rmSync(folder, { recursive: true });
});

async function start(flags: Flags = {}, port = 0): Promise<ServedData> {
  const listen = `127.0.0.1:${port}`;
  const given = { listen, dataFolder: join(folder, "data"), testClock: true, ...flags };
  running = await serve(readConfig(given, {}), { write: () => undefined });
  return running;
}

/** Stops the server and takes away what proves that its journal is complete. */
async function stopAndLoseTheMark(): Promise<number> {
  const port = running?.port ?? 0;
  await running?.close();
  running = undefined;
  rmSync(join(folder, "data", "namespaces", "default", "mark"));
  return port;
}

test("a journal that cannot prove it is complete is refused, until a new lineage is asked for [REC-30, REC-31]", async () => {
  const ann = await world.actor();
  const { token } = await ann.take("a");
  const port = await stopAndLoseTheMark();
  await expect(start({}, port)).rejects.toMatchObject({ problem: "MARK_MISSING" });
  await start({ newLineage: true, development: true }, port);
  const bodies = await world.bodies(await floor());
  expect(bodies[0]).toMatchObject({ value: { cause: EpochCause.NEW_LINEAGE } });
  const again = await ann.take("b");
  // Microseconds and milliseconds of the real clock, whatever the virtual one says.
  expect(again.token).toBeGreaterThan(token + 1_600_000_000_000_000n);
});

test("history and tokens from before it are compacted and stale, unless their hold lives on [REC-32, REC-36, LOCK-157]", async () => {
  const ann = await world.actor();
  const over = await ann.take("a");
  await ann.release(over);
  const held = await ann.take("b");
  const port = await stopAndLoseTheMark();
  const { url } = await start({ newLineage: true, development: true }, port);
  const locks = createClient(LockService, transportTo(url));
  const statusOf = async (key: string, token: bigint) =>
    (await locks.checkFence({ namespace, key, token })).status;
  expect(await statusOf("a", over.token)).toBe(FenceStatus.STALE);
  expect(await statusOf("a", held.token + 1_000n)).toBe(FenceStatus.STALE);
  expect(await statusOf("b", held.token)).toBe(FenceStatus.CURRENT);

  const below = { namespace, afterRevision: 1n };
  const watched = async (afterRevision: bigint) => {
    for await (const _ of locks.watch({ namespace, afterRevision })) return;
  };
  const thrownBy = (call: Promise<unknown>) => call.catch((thrown: unknown) => thrown);
  const calls = [locks.listEvents(below), watched(1n), watched(0n)];
  for (const error of await Promise.all(calls.map(thrownBy))) {
    expect((error as ConnectError).code).toBe(Code.OutOfRange);
    expect(errorDetailOf(error)).toMatchObject({
      reason: ErrorReason.REVISION_COMPACTED,
      metadata: { floor: String(await floor()) },
    });
  }
  const { events } = await locks.listEvents({ namespace, afterRevision: 0n });
  expect(events[0]?.revision).toBe((await floor()) + 1n);
});

async function floor(): Promise<bigint> {
  const info = createClient(ServerService, transportTo(running?.url ?? ""));
  return (await info.getServerInfo({ namespace })).namespace?.floor ?? 0n;
}
