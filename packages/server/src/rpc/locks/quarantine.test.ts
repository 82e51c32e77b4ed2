import {
  ErrorReason,
  errorDetailOf,
  KeyState,
  type Lock,
  LossReason,
  OnLossAction,
  SessionState,
} from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Actor, denied, LockWorld, shared } from "../../testing-support/lock-world.ts";

let world: LockWorld;
let ann: Actor;
let ben: Actor;
beforeEach(async () => {
  world = await LockWorld.start();
  [ann, ben] = await world.people();
});
afterEach(() => world.close());

const namespace = "default";
const reason = "test";
const quarantining = { onLoss: { action: OnLossAction.QUARANTINE } };
const stateOf = async (key: string) => (await world.lock(key)).state;
const reasonOf = (error: unknown) => ErrorReason[errorDetailOf(error)?.reason ?? 0];

async function clear(key: string, expectedRevision: bigint): Promise<void> {
  const subject = { case: "key", value: key } as const;
  await world.admin.clearQuarantine({ namespace, subject, expectedRevision, reason });
}

describe("a quarantined key", () => {
  const ways: [string, LossReason, object, (holder: Actor, token: bigint) => Promise<unknown>][] = [
    ["its session expires", LossReason.SESSION_EXPIRED, {}, () => world.advance(5_000)],
    ["its session is revoked", LossReason.SESSION_REVOKED, {}, (holder) => world.revoke(holder)],
    ["an operator took it", LossReason.FORCE_RELEASED, {}, (_, token) => force("a", token, false)],
    ["it was taken at once", LossReason.FORCE_RELEASED, {}, (_, token) => force("a", token, true)],
    ["of its time", LossReason.MAX_HOLD, { maxHoldMs: 4_000n }, () => world.advance(4_000)],
  ];

  test.each(ways)(
    "is one whose hold was lost because %s [LOCK-122, LOCK-117]",
    async (_, why, terms, lose) => {
      const holder = await world.actor(5_000n);
      const { token } = await holder.take(["a", "b"], { ...quarantining, ...terms });
      await lose(holder, token);
      for (const key of ["a", "b"]) {
        const { state, quarantine } = await world.lock(key);
        expect([state, quarantine?.reason]).toEqual([KeyState.QUARANTINED, why]);
      }
    },
  );

  test("denies whoever comes, and who waits already, also for one of many [LOCK-123]", async () => {
    const held = await ann.take("a", quarantining);
    const waiting = await ben.wait(["a", "b"]);
    await world.force("a", held);
    const why = denied("KEY_QUARANTINED");
    expect(await ben.again(waiting)).toMatchObject(why);
    for (const wanted of ["a", shared("a"), ["b", "a"]]) {
      expect(await ben.acquire(wanted)).toMatchObject(why);
      expect(await ben.acquire(wanted, { waitMs: 60_000n })).toMatchObject(why);
    }
    await ben.take("b");
  });

  test("stays so whatever its client does and however long it is, until it is cleared [LOCK-124, LOCK-174]", async () => {
    const held = await ann.take("a", quarantining);
    await world.force("a", held);
    const revision = (await world.lock("a")).quarantine?.revision ?? 0n;
    await ann.keepAlive(await world.revision());
    await ann.release(held);
    await ann.close();
    await world.advance(3_000_000);
    await expect(world.force("a", held, true)).resolves.toBeDefined();
    expect(await stateOf("a")).toBe(KeyState.QUARANTINED);
    await clear("a", revision);
    expect(await stateOf("a")).toBe(KeyState.FREE);
    await clear("a", revision);
  });

  test("is not cleared by a repeat that names an earlier quarantine [LOCK-174]", async () => {
    const held = await ann.take("a", quarantining);
    await world.force("a", held);
    const first = (await world.lock("a")).quarantine?.revision ?? 0n;
    await clear("a", first);
    await ann.release(held);
    await world.force("a", await ann.take("a", quarantining), true);
    const refused = await clear("a", first).catch(reasonOf);
    expect(refused).toBe("VERSION_MISMATCH");
    expect(await stateOf("a")).toBe(KeyState.QUARANTINED);
  });

  test("is so by the strictest of several losses [LOCK-125]", async () => {
    const carl = await world.actor();
    const plain = await ann.take(shared("a"));
    const strict = await ben.take(shared("a"), quarantining);
    const delayed = await carl.take(shared("a"), {
      onLoss: { action: OnLossAction.DELAY, delayMs: 60_000n },
    });
    for (const held of [plain, strict, delayed]) await world.force("a", held);
    expect(await stateOf("a")).toBe(KeyState.QUARANTINED);
    expect(await ann.acquire(shared("a"))).toMatchObject(denied("KEY_QUARANTINED"));
  });

  test("is listed with what names its quarantine, like principals [LOCK-175]", async () => {
    for (const key of ["b", "a", "c"]) {
      await world.force(key, await ann.take(key, quarantining));
    }
    const { quarantine } = await world.admin.quarantineIdentity({
      ...{ namespace, principal: "mallory", reason },
    });
    const identities: unknown[] = [];
    const keys: Lock[] = [];
    let pageToken = "";
    do {
      const page = await world.admin.listQuarantines({ namespace, pageSize: 2, pageToken });
      identities.push(...page.identities);
      keys.push(...page.keys);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(identities).toMatchObject([
      { principal: "mallory", revision: quarantine?.revision, automatic: false },
    ]);
    expect(keys.map(({ key }) => key)).toEqual(["a", "b", "c"]);
    for (const { key, quarantine: listed } of keys) {
      expect(listed?.reason).toBe(LossReason.FORCE_RELEASED);
      expect(listed?.revision).toBe((await world.lock(key)).quarantine?.revision);
    }
  });
});

describe("a quarantined principal", () => {
  const principal = "127.0.0.1";

  test("is denied every lock, who waits at once; holds and sessions stay [LOCK-190, LOCK-191]", async () => {
    const held = await ann.take("a");
    const waiting = await ben.wait("a");
    const { quarantine } = await world.admin.quarantineIdentity({ namespace, principal, reason });
    const why = denied("IDENTITY_QUARANTINED");
    expect(await ben.again(waiting)).toMatchObject(why);
    expect(await ben.acquire("b")).toMatchObject(why);
    expect(await ben.acquire("a", { waitMs: 60_000n })).toMatchObject(why);
    expect((await ann.get()).holds).toHaveLength(1);
    expect((await ann.keepAlive()).ttlMs).toBeGreaterThan(0n);
    expect((await ann.release(held)).outcome).toBe(1);
    const subject = { case: "principal", value: principal } as const;
    const expectedRevision = quarantine?.revision ?? 0n;
    await world.admin.clearQuarantine({ namespace, subject, expectedRevision, reason });
    await ben.take("a");
  });

  test("is one that lost too many sessions within the window, each counting once [LOCK-192]", async () => {
    await world.admin.updateNamespace({
      ...{ namespace, expectedVersion: 0n, reason },
      settings: { quarantineAfterLosses: 2, quarantineWindowMs: 60_000n },
    });
    const victims = [await world.actor(), await world.actor(2_000n), await world.actor()];
    for (const key of ["x", "y", "z"]) await victims[0]?.take(key);
    await world.revoke(victims[0] as Actor);
    await world.advance(2_000);
    await ann.take("a");
    await world.advance(61_000);
    await world.revoke(victims[2] as Actor);
    expect(await ann.acquire("b")).toMatchObject({ case: "granted" });
    for (let index = 0; index < 2; index++) await world.revoke(await world.actor());
    expect(await ann.acquire("c")).toMatchObject(denied("IDENTITY_QUARANTINED"));
    const { identities } = await world.admin.listQuarantines({ namespace });
    expect(identities).toMatchObject([{ principal, automatic: true }]);
  });

  test("is none, however many sessions it loses, unless that was set [LOCK-193]", async () => {
    for (let index = 0; index < 20; index++) {
      const victim = await world.actor();
      await victim.take(`key-${index}`);
      await world.revoke(victim);
    }
    await ann.take("a");
    expect((await world.admin.listQuarantines({ namespace })).identities).toEqual([]);
  });
});

describe("revoking a session", () => {
  test("loses its holds, is answered as done again, and refused for one nobody knows [LOCK-173]", async () => {
    await ann.take("a");
    const { session } = await world.revoke(ann);
    expect(session?.state).toBe(SessionState.REVOKED);
    const revision = await world.revision();
    expect((await world.revoke(ann)).session?.state).toBe(SessionState.REVOKED);
    expect(await world.revision()).toBe(revision);
    await ben.close();
    expect((await world.revoke(ben)).session?.state).toBe(SessionState.CLOSED);
    const lost = (await world.bodies()).find((body) => body.case === "lockLost");
    expect(lost?.value).toMatchObject({ reason: LossReason.SESSION_REVOKED, delayed: true });
    const unknown = world.admin.revokeSession({ namespace, sessionId: 999n, reason });
    expect(await unknown.catch(reasonOf)).toBe("NO_SUCH_SESSION");
  });
});

/** Force-releases whatever holds a key with this token. */
function force(key: string, token: bigint, immediate: boolean) {
  const request = { namespace, key, expectedToken: token, reason, immediate };
  return world.admin.forceRelease(request);
}
