// What was said before a restart, looked at from outside after it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import {
  ClockService,
  ErrorReason,
  errorDetailOf,
  LockMode,
  LockOrdering,
  OnLossAction,
  ServerService,
} from "@lockstep/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Flags, readConfig } from "./config/config.ts";
import { type ServedData, serve } from "./serve.ts";
import { type Actor, LockWorld, shared, upgradable } from "./testing-support/lock-world.ts";
import { transportTo } from "./testing-support/test-server.ts";

const namespace = "default";
const reason = "test";
let folder: string;
let running: ServedData;
let world: LockWorld;
let flags: Flags;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lockstep-restart-"));
});
afterEach(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

/** Starts the first server, and the world that looks at it and at those after it. */
async function begin(more: Flags = {}): Promise<void> {
  flags = more;
  running = await start(0);
  const clock = createClient(ClockService, transportTo(running.url));
  const advance = (ms: number) => clock.advance({ durationMs: BigInt(ms) });
  world = new LockWorld(running.url, advance, () => running.close());
}

function start(port: number): Promise<ServedData> {
  const listen = `127.0.0.1:${port}`;
  const given = { listen, dataFolder: join(folder, "data"), testClock: true, ...flags };
  return serve(readConfig(given, {}), { write: () => undefined });
}

async function restart(): Promise<void> {
  const { port } = running;
  await running.close();
  running = await start(port);
}

const ways: [string, Flags][] = [
  ["all events", {}],
  ["a snapshot and the events after it", { snapshotEvents: "10", historyEvents: "0" }],
];

test.each(ways)(
  "holds, waiters, values, wishes, policies, settings and quarantines are as they were, from %s [REC-5, REC-6, REC-10, REC-12]",
  async (_, more) => {
    await begin(more);
    const actors: [Actor, Actor, Actor, Actor] = [...(await world.people()), await world.actor()];
    await say(actors);
    if (more.snapshotEvents !== undefined) await expect.poll(floor).toBeGreaterThan(0n);
    const before = await everythingTold(actors);
    await restart();
    expect(await everythingTold(actors)).toEqual(before);
    // And it is more than told: the rules are in force.
    const [ann, ben, carl] = actors;
    const [first] = (await ann.get()).holds;
    expect(await carl.acquire("q")).toMatchObject({ reason: "IDENTITY_QUARANTINED" });
    for (let count = 0; count < 2; count++) {
      await ann.release({ holdId: first?.holdId ?? 0n, token: first?.token ?? 0n } as never);
    }
    expect((await world.lock("a")).holders).toEqual([]);
    expect(await ben.again(3n)).toMatchObject({ case: "denied" });
  },
);

/** Up to where history is no longer kept; above 0 once a snapshot has been made. */
async function floor(): Promise<bigint> {
  const info = createClient(ServerService, transportTo(running.url));
  return (await info.getServerInfo({ namespace })).namespace?.floor ?? 0n;
}

/** Does something of every kind that a restart must not undo. */
async function say([ann, ben, carl, dora]: [Actor, Actor, Actor, Actor]): Promise<void> {
  await world.policy("a", { maxHoldMs: 600_000n, lockDelayMs: 1_000n });
  await world.policy("pool/", { permits: 3 });
  await world.policy("pool/", { permits: 4 });
  const settings = { ordering: LockOrdering.ASCENDING };
  await world.admin.updateNamespace({ namespace, settings, expectedVersion: 0n, reason });
  const held = await ann.take(["a", shared("b")], {
    ...{ owner: "job", value: Buffer.from("first"), metadata: { host: "one" } },
    correlationId: "c-1",
  });
  await ann.take(["a", shared("b")], { owner: "job", reentrancy: 2 });
  await ann.setValue(held, "second");
  await ben.locks.requestRelease({ namespace, key: "a", reason: "deploy" });
  const other = await ben.take(upgradable("b"));
  await ben.convert(other, "b", LockMode.EXCLUSIVE, { waitMs: 3_000_000n });
  await ben.wait("a");
  await carl.wait(shared("a"), { owner: "later" });
  const quarantined = await dora.take("q", { onLoss: { action: OnLossAction.QUARANTINE } });
  await world.force("q", quarantined);
  await world.force("r", await dora.take("r", { onLoss: { action: 2, delayMs: 600_000n } }));
  await dora.close();
  await world.admin.quarantineIdentity({ namespace, principal: "127.0.0.1", reason });
}

/** What readers are told, without what a restart changes: headers, and times that run. */
async function everythingTold(actors: Actor[]): Promise<unknown> {
  const told = {
    locks: await Promise.all(["a", "b", "q", "r"].map((key) => world.lock(key))),
    sessions: await Promise.all(actors.slice(0, 3).map((actor) => actor.get())),
    ended: await actors[0]?.listSessions(),
    policies: await world.admin.getPolicy({ namespace, key: "abc" }),
    settings: (await world.admin.listNamespaces({})).namespaces.map(({ settings, version }) => [
      settings,
      version,
    ]),
    quarantines: await world.admin.listQuarantines({ namespace }),
  };
  const running = new Set(["header", "remainingMs", "waitRemainingMs", "maxHoldRemainingMs"]);
  return JSON.parse(
    JSON.stringify(told, (name, value) => {
      if (running.has(name)) return undefined;
      return typeof value === "bigint" ? String(value) : value;
    }),
  );
}

test("an id that was confirmed before stays confirmed, though what it named made no event [GEN-71]", async () => {
  await begin();
  const [ann, ben] = await world.people();
  const held = await ann.take("a");
  expect(await ben.acquire("a")).toMatchObject({ case: "denied" });
  const deniedId = ben.lastId;
  await ben.take("b", { answered: [{ first: deniedId, last: deniedId }] });
  await ann.release(held);
  await restart();
  const late = await ben.again(deniedId).catch((error) => errorDetailOf(error)?.reason);
  expect(late).toBe(ErrorReason.REQUEST_ID_ANSWERED);
  expect((await world.lock("a")).holders).toEqual([]);
  expect(await ben.again(deniedId + 1n)).toMatchObject({ case: "granted" });
});
