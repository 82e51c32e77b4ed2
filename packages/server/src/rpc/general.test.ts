import { createClient } from "@connectrpc/connect";
import {
  DEFAULT_LIMITS,
  KeyState,
  type Limits,
  ServerService,
  SessionState,
} from "@lockstep/protocol";
import { expect, test } from "vitest";
import { newCaller } from "../testing-support/caller.ts";
import { secretOf, testServers, transportTo } from "../testing-support/test-server.ts";

const namespace = "default";
const start = testServers();

test("names that look alike and differ in bytes are different keys [GEN-41]", async () => {
  const { server } = await start();
  const caller = await newCaller(server.url, 1);
  const alike = ["\u00e9", "e\u0301", "E", "e", "e ", "\u212b", "\u00c5"];
  for (const key of alike) await caller.take(key);
  const { locks } = await caller.locks.listLocks({ namespace });
  expect(locks.map(({ key }) => key).sort()).toEqual([...alike].sort());
});

test("a jump of the wall clock ends no session, no wait and no delay, and starts none anew [GEN-33]", async () => {
  const running = await start();
  const { server, clock } = running;
  const [ann, ben] = [await newCaller(server.url, 1), await newCaller(server.url, 2)];
  const { token } = await ann.take("a");
  await ann.admin.forceRelease({ namespace, key: "a", expectedToken: token, reason: "test" });
  await ann.take("b");
  await ben.acquire("b", { waitMs: 10_000n });
  const unixMs = clock.unixMs.bind(clock);
  const dayMs = 24 * 3_600_000;
  for (const jumpMs of [dayMs, -dayMs]) {
    clock.unixMs = () => unixMs() + jumpMs;
    await clock.advance(4_500);
    const [a, b] = await Promise.all(
      ["a", "b"].map(async (key) => (await ann.locks.getLock({ namespace, key })).lock),
    );
    expect(a?.state).toBe(KeyState.DELAYED);
    expect(b).toMatchObject({ state: KeyState.HELD, queueLength: 1 });
  }
  await clock.advance(1_000);
  expect((await ann.locks.getLock({ namespace, key: "b" })).lock?.queueLength).toBe(0);
  await clock.advance(6_000);
  const { sessions } = await ann.sessions.listSessions({ namespace, includeEnded: true });
  expect(sessions.map(({ state }) => state)).toEqual([SessionState.EXPIRED, SessionState.EXPIRED]);
  expect((await ann.locks.getLock({ namespace, key: "a" })).lock?.state).toBe(KeyState.FREE);
});

test("the correlation id of a call stands in the events it caused, also in a grant that had to wait [GEN-93]", async () => {
  const { server } = await start();
  const ann = await newCaller(server.url, 1);
  const { session } = ann;
  const ben = await newCaller(server.url, 2);
  await ann.acquire("a", { correlationId: "taken" });
  const { outcome } = await ann.acquire("b", { correlationId: "also taken" });
  const { holdId, token } = outcome.value as { holdId: bigint; token: bigint };
  await ben.acquire("b", { waitMs: 60_000n, correlationId: "waits" });
  await ann.locks.release({ session, requestId: 3n, holdId, token, correlationId: "given back" });
  await ann.sessions.closeSession({ session, requestId: 4n, correlationId: "closed" });
  const { events } = await ann.locks.listEvents({ namespace });
  expect(events.slice(3).map(({ body, correlationId }) => [body.case, correlationId])).toEqual([
    ["lockGranted", "taken"],
    ["lockGranted", "also taken"],
    ["lockQueued", "waits"],
    ["lockReleased", "given back"],
    ["lockGranted", "waits"],
    ["sessionEnded", "closed"],
    ["lockReleased", "closed"],
  ]);
});

test("every limit of the server is published by its name [GEN-50]", async () => {
  const limits: Limits = { ...DEFAULT_LIMITS, max_sessions: 4_711 };
  const { server } = await start({ limits });
  const info = await createClient(ServerService, transportTo(server.url)).getServerInfo({});
  const expected = Object.entries(limits).map(([name, value]) => [name, BigInt(value)]);
  expect(info.limits).toEqual(Object.fromEntries(expected));
});

test("no reader is shown the secret of a session or its hash [SES-2]", async () => {
  const { server, journal } = await start();
  const ann = await newCaller(server.url, 77);
  await ann.take("a");
  const { session } = ann;
  const shown = [
    await ann.sessions.getSession({ session }),
    await ann.sessions.listSessions({ namespace }),
    await ann.locks.listEvents({ namespace }),
  ];
  const secret = secretOf(77);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", secret));
  const text = JSON.stringify(shown, (_, value) =>
    typeof value === "bigint" ? String(value) : bytesAsHex(value),
  );
  for (const bytes of [secret, hash])
    expect(text).not.toContain(Buffer.from(bytes).toString("hex"));
  const { records } = await journal.read(0n, { maxRecords: 100, maxBytes: 1_000_000 });
  const kept = Buffer.concat(records.map(({ bytes }) => bytes)).toString("hex");
  expect(kept).toContain(Buffer.from(hash).toString("hex"));
  expect(kept).not.toContain(Buffer.from(secret).toString("hex"));
});

function bytesAsHex(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}

test("every event tells revision, time, node and actor, and the reason of who acted [LOCK-161, LOCK-172]", async () => {
  const { server, clock } = await start();
  const ann = await newCaller(server.url, 1);
  await clock.advance(1_234);
  const held = await ann.take("a");
  const { admin, session } = ann;
  const more = { namespace, correlationId: "ticket-7" };
  await admin.forceRelease({ ...more, key: "a", expectedToken: held.token, reason: "stuck" });
  await admin.setPolicy({ ...more, keyPrefix: "a", policy: { permits: 1 }, reason: "pool" });
  await admin.updateNamespace({ ...more, settings: { ordering: 2 }, reason: "order" });
  const { quarantine } = await admin.quarantineIdentity({
    ...{ ...more, principal: "mallory", reason: "abuse" },
  });
  await admin.clearQuarantine({
    ...{ ...more, subject: { case: "principal", value: "mallory" }, reason: "sorry" },
    expectedRevision: quarantine?.revision ?? 0n,
  });
  await admin.revokeSession({ ...more, sessionId: session.sessionId, reason: "gone" });
  const { events } = await ann.locks.listEvents({ namespace });
  const decidedAtMs = BigInt(clock.unixMs());
  const acts = events.slice(3).map((event) => [event.body.case, event.reason]);
  expect(acts).toEqual([
    ["lockLost", "stuck"],
    ["policyChanged", "pool"],
    ["namespaceConfigured", "order"],
    ["identityQuarantined", "abuse"],
    ["identityQuarantineCleared", "sorry"],
    ["sessionEnded", "gone"],
  ]);
  for (const [index, event] of events.entries()) {
    expect(event.revision).toBe(BigInt(index + 1));
    expect(event.node).toBe("node-1");
    expect(event.actor).toBe(index === 0 ? "" : "127.0.0.1");
    if (index > 1) expect(event.decidedAtMs).toBe(decidedAtMs);
    expect(event.correlationId).toBe(index > 2 ? "ticket-7" : "");
  }
});
