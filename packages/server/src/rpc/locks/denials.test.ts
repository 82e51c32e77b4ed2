import { LockMode, LockOrdering, OnLossAction } from "@lockstep/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Actor,
  denied,
  LockWorld,
  shared,
  upgradable,
} from "../../testing-support/lock-world.ts";

const namespace = "default";
const reason = "test";
const owner = "job";
let world: LockWorld;
let ann: Actor;
let ben: Actor;
beforeEach(async () => {
  world = await LockWorld.start();
  [ann, ben] = await world.people();
});
afterEach(() => world.close());

/** Loses a lock of `q` so that the key is quarantined. */
async function quarantine(): Promise<void> {
  const held = await ben.take("q", { onLoss: { action: OnLossAction.QUARANTINE } });
  await world.force("q", held);
}

test("of several reasons an acquire is denied for the first in a fixed order [LOCK-31]", async () => {
  await world.policy("pool/", { permits: 1 });
  await world.policy("full", { maxWaiters: 1 });
  await world.admin.updateNamespace({
    ...{ namespace, settings: { ordering: LockOrdering.ASCENDING }, expectedVersion: 0n, reason },
  });
  const delayed = await ben.take("d", { onLoss: { action: OnLossAction.DELAY, delayMs: 60_000n } });
  await world.force("d", delayed);
  await quarantine();
  await ben.take("busy");
  await ben.take("full");
  await ben.wait("full");
  await ann.take("p", { owner });
  // Each of these is wrong in all the ways of those below it that one request can be.
  const wait = { waitMs: 60_000n };
  expect(await ann.acquire(["busy", "d"])).toMatchObject(denied("CONTENDED"));
  expect(await ann.acquire("d")).toMatchObject(denied("LOCK_DELAY"));
  expect(await ann.acquire(["busy", "full"], wait)).toMatchObject(denied("QUEUE_FULL"));
  expect(await ann.acquire(["busy", "full"], { owner, ...wait })).toMatchObject(
    denied("ORDER_VIOLATION"),
  );
  expect(await ann.acquire(["busy", "q"], { owner })).toMatchObject(denied("KEY_QUARANTINED"));
  expect(await ann.acquire(["busy", "q", "pool/a"], { owner })).toMatchObject(
    denied("LIMIT_MISMATCH"),
  );
  await ben.take("zzz");
  await ann.wait("zzz", { owner });
  expect(await ann.acquire(["busy", "q", "pool/a"], { owner })).toMatchObject(denied("OWNER_BUSY"));
  expect(await ann.acquire(["busy", "p", "pool/a"], { owner })).toMatchObject(denied("REENTRANCY"));
  await world.admin.quarantineIdentity({ namespace, principal: "127.0.0.1", reason });
  expect(await ann.acquire(["busy", "p", "pool/a"], { owner })).toMatchObject(
    denied("IDENTITY_QUARANTINED"),
  );
});

test("an owner that waits is denied everything but entering a hold again [LOCK-39]", async () => {
  await ben.take("b");
  const held = await ann.take("a", { owner });
  await ann.wait("b", { owner });
  expect(await ann.acquire("free", { owner })).toMatchObject(denied("OWNER_BUSY"));
  const again = await ann.take("a", { owner, reentrancy: 2 });
  expect(again).toMatchObject({ holdId: held.holdId, count: 2 });
});

test("a conversion is denied while another of its hold or its owner waits [LOCK-89]", async () => {
  const held = await ann.take([upgradable("a"), upgradable("b")], { owner });
  for (const key of ["a", "b", "c"]) await ben.take(shared(key));
  const wait = { waitMs: 600_000n };
  expect(await ann.convert(held, "a", LockMode.EXCLUSIVE, wait)).toMatchObject({ case: "queued" });
  const busy = denied("OWNER_BUSY");
  expect(await ann.convert(held, "a", LockMode.EXCLUSIVE, wait)).toMatchObject(busy);
  expect(await ann.convert(held, "a", LockMode.SHARED)).toMatchObject(busy);
  expect(await ann.convert(held, "b", LockMode.EXCLUSIVE, wait)).toMatchObject(busy);
  expect(await ann.acquire("c", { owner, ...wait })).toMatchObject(busy);
});

test("a conversion to EXCLUSIVE is denied where an acquire would be [LOCK-123, LOCK-190]", async () => {
  const why = denied("KEY_QUARANTINED");
  const held = await ann.take([upgradable("a"), upgradable("b")]);
  await ben.take(shared("b"));
  const lost = await ben.take(shared("a"), { onLoss: { action: OnLossAction.QUARANTINE } });
  await ann.convert(held, "a", LockMode.EXCLUSIVE, { waitMs: 600_000n });
  const waiting = ann.lastId;
  await world.force("a", lost);
  expect(await ann.again(waiting)).toMatchObject(why);
  expect(await ann.convert(held, "a", LockMode.EXCLUSIVE)).toMatchObject(why);
  await ann.convert(held, "b", LockMode.EXCLUSIVE, { waitMs: 600_000n });
  const other = ann.lastId;
  await world.admin.quarantineIdentity({ namespace, principal: "127.0.0.1", reason });
  const who = denied("IDENTITY_QUARANTINED");
  expect(await ann.again(other)).toMatchObject(who);
  expect(await ann.convert(held, "b", LockMode.EXCLUSIVE)).toMatchObject(who);
  expect((await ann.get()).holds).toHaveLength(1);
});

test("of several losses the last names the quarantine of a key [LOCK-126, LOCK-174]", async () => {
  const terms = { onLoss: { action: OnLossAction.QUARANTINE } };
  const [first, second] = [await ann.take(shared("a"), terms), await ben.take(shared("a"), terms)];
  await world.force("a", first);
  const earlier = (await world.lock("a")).quarantine?.revision ?? 0n;
  await world.force("a", second);
  const last = (await world.lock("a")).quarantine;
  expect(last?.revision).toBeGreaterThan(earlier);
  expect(last?.holdId).toBe(second.holdId);
  const subject = { case: "key", value: "a" } as const;
  const clear = (expectedRevision: bigint) =>
    world.admin.clearQuarantine({ namespace, subject, expectedRevision, reason });
  await expect(clear(earlier)).rejects.toThrow();
  await clear(last?.revision ?? 0n);
});
