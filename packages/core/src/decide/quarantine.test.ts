import {
  DeniedReason,
  ErrorReason,
  KeyState,
  OnLossAction,
  ReleaseOutcome,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { RefusalCode } from "../refusal.ts";
import {
  type Client,
  forceRelease,
  getLock,
  open,
  refused,
  revoke,
} from "../testing-support/client.ts";
import {
  clearQuarantine,
  configure,
  listQuarantines,
  quarantineIdentity,
} from "../testing-support/operator.ts";
import { World } from "../testing-support/world.ts";

/** Quarantines a key by the loss of a hold of it; returns the revision that names it. */
function quarantineKey(world: World, client: Client, key: string): bigint {
  const held = client.lock(key, { onLoss: OnLossAction.QUARANTINE });
  forceRelease(world, key, held.token, { immediate: true });
  return world.state.revision;
}

/** Opens a session of a principal and loses it. */
function lose(world: World, principal: string): void {
  const client = open(world, { principal, ttlMs: 2_000 });
  client.acquire(`of ${client.id}`);
  client.acquire(`also of ${client.id}`);
  revoke(world, client.id);
}

describe("A quarantined principal", () => {
  it("is denied what it asks and what it waits for; what it holds stays [LOCK-190] [LOCK-191]", () => {
    const world = new World();
    const [ann, bad] = [open(world), open(world, { principal: "bad" })];
    ann.lock("a");
    const held = bad.lock("b");
    bad.queue("a", { requestId: 7n });
    ann.queue("a");
    quarantineIdentity(world, "bad");
    const denied = { case: "denied", reason: DeniedReason.IDENTITY_QUARANTINED };
    expect(bad.acquire("a", { requestId: 7n, waitMs: 600_000 })).toMatchObject(denied);
    expect(bad.acquire("free")).toMatchObject(denied);
    expect(getLock(world, "a").queueLength).toBe(1);
    expect(bad.keepAlive().ttlMs).toBeGreaterThan(0n);
    expect(bad.get().holds).toHaveLength(1);
    expect(bad.release(held).outcome).toBe(ReleaseOutcome.RELEASED);
  });

  it("lets those behind it go on in the same step", () => {
    const world = new World();
    const [ann, bad] = [open(world), open(world, { principal: "bad" })];
    ann.lock("a");
    bad.queue(["a", "b"]);
    ann.queue("b");
    quarantineIdentity(world, "bad");
    expect(getLock(world, "b").holders).toMatchObject([{ sessionId: ann.id }]);
  });

  it("is told with who did it and why; a repeat tells the one in force", () => {
    const world = new World();
    const quarantine = quarantineIdentity(world, "bad");
    expect(quarantine).toMatchObject({
      principal: "bad",
      revision: world.state.revision,
      reason: "odd",
      automatic: false,
      actor: "operator",
    });
    const before = world.state.revision;
    world.pass(1_000);
    expect(quarantineIdentity(world, "bad")).toEqual(quarantine);
    expect(world.state.revision).toBe(before);
    expect(listQuarantines(world).identities).toEqual([quarantine]);
  });

  it("is one of so many at most", () => {
    const world = new World({ limits: { max_quarantined_identities: 1 } });
    quarantineIdentity(world, "bad");
    const refusal = refused(() => quarantineIdentity(world, "worse"));
    expect(refusal.metadata).toEqual({ limit: "max_quarantined_identities", max: "1" });
  });
});

describe("ClearQuarantine", () => {
  it("lets a key and a principal be used again [LOCK-174]", () => {
    const world = new World();
    const ann = open(world);
    clearQuarantine(world, "key", "a", quarantineKey(world, ann, "a"));
    clearQuarantine(world, "principal", "peer", quarantineIdentity(world, "peer").revision);
    expect(ann.lock("a")).toBeDefined();
    expect(world.events.at(-2)).toMatchObject({ actor: "operator", reason: "fine" });
  });

  it("of nothing is answered as done, without an event [LOCK-174]", () => {
    const world = new World();
    const before = world.state.revision;
    clearQuarantine(world, "key", "a", 3n);
    clearQuarantine(world, "principal", "a", 3n);
    expect(world.state.revision).toBe(before);
  });

  it("that comes late does not clear a newer quarantine [LOCK-174]", () => {
    const world = new World();
    const ann = open(world);
    const first = quarantineKey(world, ann, "a");
    clearQuarantine(world, "key", "a", first);
    const second = quarantineKey(world, ann, "a");
    const refusal = refused(() => clearQuarantine(world, "key", "a", first));
    expect(refusal).toMatchObject({
      code: RefusalCode.ABORTED,
      reason: ErrorReason.VERSION_MISMATCH,
      metadata: { version: String(second) },
    });
    expect(getLock(world, "a").state).toBe(KeyState.QUARANTINED);
    const { revision } = quarantineIdentity(world, "bad");
    expect(refused(() => clearQuarantine(world, "principal", "bad", revision - 1n))).toMatchObject({
      metadata: { version: String(revision) },
    });
  });

  it("leaves the key to who still holds it", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    const shared = { mode: 2, onLoss: OnLossAction.QUARANTINE };
    const [lost, held] = [ann.lock("a", shared), ben.lock("a", shared)];
    forceRelease(world, "a", lost.token, { immediate: true });
    clearQuarantine(world, "key", "a", world.state.revision);
    expect(getLock(world, "a")).toMatchObject({
      state: KeyState.HELD,
      holders: [{ holdId: held.holdId }],
    });
  });
});

describe("ListQuarantines", () => {
  it("lists principals, then keys, in byte order, page by page, each once [LOCK-175]", () => {
    const world = new World();
    const ann = open(world);
    const names = ["\u{1f600}", "b", "\uffff", "a/b", "principal/x", "key/x"];
    const revisions = new Map(names.map((name) => [name, quarantineKey(world, ann, name)]));
    for (const name of names) quarantineIdentity(world, name);
    const inOrder = ["a/b", "b", "key/x", "principal/x", "\uffff", "\u{1f600}"];
    for (const pageSize of [1, 2, 5, 100]) {
      const found: string[] = [];
      let pageToken = "";
      do {
        const page = listQuarantines(world, { pageSize, pageToken });
        expect(page.identities.length + page.keys.length).toBeLessThanOrEqual(pageSize);
        found.push(...page.identities.map(({ principal }) => `principal ${principal}`));
        for (const { key, quarantine } of page.keys) {
          found.push(`key ${key}`);
          expect(quarantine?.revision).toBe(revisions.get(key));
        }
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      expect(found).toEqual([
        ...inOrder.map((name) => `principal ${name}`),
        ...inOrder.map((name) => `key ${name}`),
      ]);
    }
  });

  it("makes a page of long texts shorter rather than too large", () => {
    const world = new World({ limits: { max_response_bytes: 16 * 1024 } });
    for (let at = 0; at < 40; at++) quarantineIdentity(world, `${"p".repeat(500)}${at}`);
    const page = listQuarantines(world);
    expect(page.identities.length).toBeLessThan(20);
    expect(page.nextPageToken).not.toBe("");
  });

  it("refuses a token that it did not give", () => {
    const refusal = refused(() => listQuarantines(new World(), { pageToken: "x" }));
    expect(refusal.metadata).toMatchObject({ field: "page_token" });
  });
});

describe("A principal that loses session after session", () => {
  function counting(quarantineAfterLosses: number, windowMs = 60_000): World {
    const world = new World();
    configure(world, { quarantineAfterLosses, quarantineWindowMs: BigInt(windowMs) });
    return world;
  }
  const isQuarantined = (world: World, principal = "bad") =>
    world.state.quarantinedIdentities.has(principal);

  it("is quarantined in the same step as the one too many, each session counting once [LOCK-192]", () => {
    const world = counting(2);
    lose(world, "bad");
    lose(world, "good");
    lose(world, "bad");
    expect(isQuarantined(world)).toBe(false);
    lose(world, "bad");
    expect(world.batches.at(-1)?.map(({ body }) => body.case)).toEqual([
      "sessionEnded",
      "lockLost",
      "lockLost",
      "identityQuarantined",
    ]);
    expect(listQuarantines(world).identities).toMatchObject([
      { principal: "bad", automatic: true, reason: "", actor: "" },
    ]);
  });

  it("is quarantined by sessions that expire as well, and what it waits for is denied", () => {
    const world = counting(1);
    const [ann, bad] = [open(world, { ttlMs: 60_000 }), open(world, { principal: "bad" })];
    ann.lock("a");
    bad.queue("a");
    for (let count = 0; count < 2; count++) open(world, { principal: "bad", ttlMs: 2_000 });
    world.advance(2_000);
    expect(isQuarantined(world)).toBe(true);
    expect(getLock(world, "a").queueLength).toBe(0);
  });

  it("is not quarantined for sessions it closed itself [LOCK-192]", () => {
    const world = counting(1);
    for (let count = 0; count < 5; count++) open(world, { principal: "bad" }).close();
    lose(world, "bad");
    expect(isQuarantined(world)).toBe(false);
  });

  it("is not quarantined for losses that lie outside the window [LOCK-192]", () => {
    const world = counting(1, 60_000);
    lose(world, "bad");
    world.advance(60_001);
    lose(world, "bad");
    expect(isQuarantined(world)).toBe(false);
    world.advance(60_000);
    lose(world, "bad");
    expect(isQuarantined(world)).toBe(true);
  });

  it("is not quarantined without the setting [LOCK-193]", () => {
    const world = new World();
    for (let count = 0; count < 50; count++) lose(world, "bad");
    expect(isQuarantined(world)).toBe(false);
    expect(world.state.lossesByPrincipal.size).toBe(0);
  });

  it("is quarantined by the same loss after a recovery", () => {
    const world = counting(1);
    lose(world, "bad");
    world.restart();
    lose(world, "bad");
    expect(isQuarantined(world)).toBe(true);
  });

  it("is forgiven when it is cleared", () => {
    const world = counting(1);
    lose(world, "bad");
    lose(world, "bad");
    clearQuarantine(world, "principal", "bad", world.state.revision);
    lose(world, "bad");
    expect(isQuarantined(world)).toBe(false);
    lose(world, "bad");
    expect(isQuarantined(world)).toBe(true);
  });

  it("goes on when as many are quarantined as can be", () => {
    const world = new World({ limits: { max_quarantined_identities: 1 } });
    configure(world, { quarantineAfterLosses: 1, quarantineWindowMs: 60_000n });
    quarantineIdentity(world, "other");
    lose(world, "bad");
    lose(world, "bad");
    expect(isQuarantined(world)).toBe(false);
  });

  it("takes no more memory than the settings ask for", () => {
    const world = counting(3, 1_000);
    const losses = world.state.lossesByPrincipal;
    for (let count = 0; count < 9; count++) lose(world, "bad");
    expect(losses.get("bad")).toHaveLength(4);
    world.advance(1_001);
    lose(world, "good");
    expect([...losses.keys()]).toEqual(["good"]);
    for (let count = 0; count < 3; count++) lose(world, "good");
    configure(world, { quarantineAfterLosses: 1, quarantineWindowMs: 1_000n });
    expect(losses.get("good")).toHaveLength(2);
    configure(world, {});
    expect(losses.size).toBe(0);
  });
});
