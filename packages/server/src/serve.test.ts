import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import {
  AdminService,
  ClockService,
  Durability,
  KeyState,
  LockService,
  ServerService,
} from "@lockstep/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Flags, readConfig } from "./config/config.ts";
import { type ServedData, serve } from "./serve.ts";
import { acquireOf, openSession, transportTo } from "./testing-support/test-server.ts";

let folder: string;
let running: ServedData | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lockstep-serve-"));
});
afterEach(async () => {
  await running?.close();
  rmSync(folder, { recursive: true });
});

const quiet = { write: () => undefined };

async function start(flags: Flags = {}) {
  const given: Flags = { listen: "127.0.0.1:0", dataFolder: join(folder, "data"), ...flags };
  running = await serve(readConfig(given, {}), quiet);
  return running;
}

test("a lock stays held when the server stops and starts again [REC-2, GEN-2, REC-1]", async () => {
  const first = await start();
  const session = await openSession(transportTo(first.url));
  const locks = createClient(LockService, transportTo(first.url));
  const { outcome, header } = await locks.acquire({ ...acquireOf("k", 1n), session });
  expect(outcome.case).toBe("granted");
  expect(statSync(first.dataFolder ?? "").mode & 0o777).toBe(0o700);
  await first.close();
  const second = await start();
  const again = createClient(LockService, transportTo(second.url));
  const read = await again.getLock({ namespace: "default", key: "k" });
  expect(read.lock?.state).toBe(KeyState.HELD);
  expect(read.header).toMatchObject({ clusterId: header?.clusterId, epoch: 2n });
});

test("a folder in use by another server is refused and left alone [REC-45]", async () => {
  const first = await start();
  await expect(start()).rejects.toMatchObject({ problem: "FOLDER_IN_USE" });
  running = first;
  const info = createClient(ServerService, transportTo(first.url));
  expect(await info.getServerInfo({})).toMatchObject({ durability: Durability.LOCAL_DISK });
});

test("a port in use gives the folder back", async () => {
  const first = await start();
  const listen = `127.0.0.1:${first.port}`;
  const other = join(folder, "other");
  await expect(start({ listen, dataFolder: other })).rejects.toThrow("in use");
  await first.close();
  await start({ dataFolder: other });
});

test("a journal in memory begins a new lineage that grants at once, on virtual time [REC-35, REC-31]", async () => {
  const { url, dataFolder } = await start({ journal: "memory", testClock: true });
  expect(dataFolder).toBeUndefined();
  const session = await openSession(transportTo(url));
  const locks = createClient(LockService, transportTo(url));
  const { outcome, header } = await locks.acquire({ ...acquireOf("k", 1n), session });
  expect(outcome.case).toBe("granted");
  expect(header?.epoch).toBeGreaterThan(1_600_000_000_000n);
  await createClient(ClockService, transportTo(url)).advance({ durationMs: 60_000n });
  const read = await locks.getLock({ namespace: "default", key: "k" });
  expect(read.lock?.state).not.toBe(KeyState.HELD);
});

test("namespaces come from the configuration, from CreateNamespace and from the data folder", async () => {
  const first = await start({ namespaces: "orders,Team/ü" });
  const admin = createClient(AdminService, transportTo(first.url));
  const made = "x".repeat(512);
  await admin.createNamespace({ namespace: made, reason: "why" });
  const session = await openSession(transportTo(first.url));
  const locks = createClient(LockService, transportTo(first.url));
  await locks.acquire({ ...acquireOf("k", 1n), session });
  await first.close();
  const second = await start();
  const again = createClient(AdminService, transportTo(second.url));
  const { namespaces } = await again.listNamespaces({});
  expect(namespaces.map(({ namespace, epoch }) => [namespace, epoch])).toEqual([
    ["Team/ü", 2n],
    ["default", 2n],
    ["orders", 2n],
    [made, 2n],
  ]);
  const infos = createClient(ServerService, transportTo(second.url));
  const info = await infos.getServerInfo({ namespace: "orders" });
  expect(info).toMatchObject({
    durability: Durability.LOCAL_DISK,
    namespace: { namespace: "orders", epoch: 2n, revision: 2n, counters: { holds: 0n } },
  });
  const other = createClient(LockService, transportTo(second.url));
  const read = (namespace: string) => other.getLock({ namespace, key: "k" });
  expect((await read("default")).lock?.state).toBe(KeyState.HELD);
  expect((await read(made)).lock?.state).toBe(KeyState.FREE);
});

test("a namespace that is damaged ends the start, and the folder is let go", async () => {
  const first = await start({ namespaces: "orders" });
  await first.close();
  running = undefined;
  const database = join(folder, "data", "namespaces", "orders", "journal.db");
  writeFileSync(database, "not a database".repeat(1_000));
  await expect(start()).rejects.toMatchObject({ problem: "DAMAGED" });
  rmSync(join(folder, "data", "namespaces", "orders"), { recursive: true });
  await start();
});

test("the server fails when any of its namespaces does", async () => {
  const served = await start({ namespaces: "orders" });
  rmSync(join(folder, "data", "namespaces", "orders"), { recursive: true });
  const admin = createClient(AdminService, transportTo(served.url));
  const update = { namespace: "orders", settings: {}, reason: "why" };
  await admin.updateNamespace(update).catch(() => undefined);
  expect(await served.failed).toBeInstanceOf(Error);
});

test("a namespace that is made on a new lineage begins above all ever used, as those found do", async () => {
  const { url } = await start({ newLineage: true, development: true });
  const admin = createClient(AdminService, transportTo(url));
  await admin.createNamespace({ namespace: "made", reason: "it was not in the backup" });
  const { namespaces } = await admin.listNamespaces({});
  expect(namespaces.map(({ namespace }) => namespace)).toEqual(["default", "made"]);
  for (const { epoch, revision } of namespaces) {
    expect(epoch).toBeGreaterThan(1_600_000_000_000n);
    expect(revision).toBeGreaterThan(1_600_000_000_000_000n);
  }
});
