import { create } from "@bufbuild/protobuf";
import {
  ErrorReason,
  FenceStatus,
  KeyState,
  ListLocksRequestSchema,
  ListSessionsRequestSchema,
  LockMode,
  LossReason,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { checkFence, forceRelease, getLock, open, refused } from "../testing-support/client.ts";
import { countWalked } from "../testing-support/walked.ts";
import { World } from "../testing-support/world.ts";

function listLocks(
  world: World,
  request: { keyPrefix?: string; pageSize?: number; pageToken?: string },
) {
  const { locks, nextPageToken } = world.reply({
    kind: "listLocks",
    request: create(ListLocksRequestSchema, request),
  });
  return { keys: locks.map(({ key }) => key), locks, nextPageToken };
}

function listSessions(
  world: World,
  request: { pageSize?: number; pageToken?: string; includeEnded?: boolean },
) {
  const { sessions, nextPageToken } = world.reply({
    kind: "listSessions",
    request: create(ListSessionsRequestSchema, request),
  });
  return { ids: sessions.map(({ sessionId }) => sessionId), sessions, nextPageToken };
}

describe("CheckFence", () => {
  it("says CURRENT for the token of the live hold of this key, and STALE once it is over [LOCK-130, LOCK-131]", () => {
    const world = new World();
    const ann = open(world);
    const lock = ann.lock("a");
    expect(checkFence(world, "a", lock.token)).toBe(FenceStatus.CURRENT);
    expect(checkFence(world, "b", lock.token)).toBe(FenceStatus.STALE);
    expect(checkFence(world, "a", lock.token - 1n)).toBe(FenceStatus.STALE);
    ann.release(lock);
    expect(checkFence(world, "a", lock.token)).toBe(FenceStatus.STALE);
  });

  it("says STALE for a hold that was lost, though its key is still blocked [LOCK-130]", () => {
    const world = new World();
    const { token } = open(world).lock("a");
    forceRelease(world, "a", token);
    expect(checkFence(world, "a", token)).toBe(FenceStatus.STALE);
  });

  it("says UNKNOWN only above the namespace's revision [LOCK-131]", () => {
    const world = new World();
    expect(checkFence(world, "a", world.state.revision)).toBe(FenceStatus.STALE);
    expect(checkFence(world, "a", world.state.revision + 1n)).toBe(FenceStatus.UNKNOWN);
  });
});

describe("GetLock", () => {
  it("shows a key nobody ever used as FREE [LOCK-110]", () => {
    expect(getLock(new World(), "a")).toMatchObject({
      key: "a",
      state: KeyState.FREE,
      holders: [],
    });
  });

  it("shows who holds and who waits, in order of arrival [LOCK-164, LOCK-110]", () => {
    const world = new World();
    const [ann, ben] = [open(world, { displayName: "Ann" }), open(world)];
    const { holdId, token } = ann.lock("a", { owner: "job", correlationId: "c-1" });
    const tickets = [ben.queue("a", { waitMs: 500 }), ann.queue("a")];
    world.pass(100);
    const lock = getLock(world, "a");
    expect(lock).toMatchObject({
      state: KeyState.HELD,
      queueLength: 2,
      holders: [
        {
          holdId,
          token,
          mode: LockMode.EXCLUSIVE,
          displayName: "Ann",
          owner: "job",
          correlationId: "c-1",
        },
      ],
    });
    expect(lock.queue.map(({ ticketId }) => ticketId)).toEqual(tickets);
    expect(lock.queue[0]?.waitRemainingMs).toBe(400n);
  });

  it("shows what a lost hold still blocks, and for how long [LOCK-110, LOCK-164]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 10_000 });
    const { holdId, token } = ann.lock("a");
    world.pass(1_000);
    forceRelease(world, "a", token);
    world.pass(1_000);
    expect(getLock(world, "a")).toMatchObject({
      state: KeyState.DELAYED,
      holders: [],
      delays: [{ holdId, token, reason: LossReason.FORCE_RELEASED, remainingMs: 8_000n }],
    });
  });

  it("shows the first 1,000 of a long queue and its length [LOCK-164]", () => {
    const world = new World();
    const ann = open(world);
    ann.lock("a");
    for (let i = 0; i < 1_001; i++) ann.queue("a");
    const lock = getLock(world, "a");
    expect(lock.queue).toHaveLength(1_000);
    expect(lock.queueLength).toBe(1_001);
  });
});

describe("ListLocks", () => {
  it("lists held, delayed and waited-for keys in the order of their bytes, in pages [LOCK-165, GEN-42, GEN-54]", () => {
    const world = new World();
    const ann = open(world);
    const keys = ["b", "\u{1f512}", "a/2", "\uffee", "a/1"];
    const locks = keys.map((key) => ann.lock(key));
    ann.release(ann.lock("gone"));
    forceRelease(world, "b", locks[0]?.token ?? 0n);
    const first = listLocks(world, { pageSize: 2 });
    expect(first.keys).toEqual(["a/1", "a/2"]);
    const second = listLocks(world, { pageSize: 2, pageToken: first.nextPageToken });
    expect(second.keys).toEqual(["b", "\uffee"]);
    const third = listLocks(world, { pageSize: 2, pageToken: second.nextPageToken });
    expect(third).toMatchObject({ keys: ["\u{1f512}"], nextPageToken: "" });
    expect(listLocks(world, { pageSize: 5 }).nextPageToken).toBe("");
  });

  it("lists the same page by page, however the keys have come", () => {
    const world = new World();
    const ann = open(world);
    const keys = Array.from(
      { length: 60 },
      (_, at) => `k${String((at * 37) % 60).padStart(2, "0")}`,
    );
    for (const key of keys) ann.lock(key);
    const listed: string[] = [];
    let pageToken = "";
    do {
      const page = listLocks(world, { pageSize: 7, pageToken });
      listed.push(...page.keys);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(listed).toEqual([...keys].sort());
  });

  it("lists by prefix, and 100 to whoever names no size [LOCK-165]", () => {
    const world = new World();
    const ann = open(world);
    for (let i = 0; i < 101; i++) ann.lock(`job/${i}`);
    ann.lock("jo");
    ann.lock("other");
    expect(listLocks(world, {}).keys).toHaveLength(100);
    expect(listLocks(world, { keyPrefix: "job/", pageSize: 1_000 }).keys).toHaveLength(101);
    expect(listLocks(world, { keyPrefix: "jx" })).toMatchObject({ keys: [], nextPageToken: "" });
  });

  it("shows the first 16 waiters of each", () => {
    const world = new World();
    const ann = open(world);
    ann.lock("a");
    for (let i = 0; i < 17; i++) ann.queue("a");
    expect(listLocks(world, {}).locks[0]).toMatchObject({ queueLength: 17 });
    expect(listLocks(world, {}).locks[0]?.queue).toHaveLength(16);
  });
});

describe("GetSession and ListSessions", () => {
  it("list what a session holds and waits for, with the request ids, by rising id [SES-65]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    ben.lock("x");
    const [first, second] = [ann.lock("b"), ann.lock("a", { requestId: 7n, owner: "job" })];
    const ticketId = ann.queue("x", { requestId: 8n });
    const reply = ann.get();
    expect(reply.holds.map(({ holdId }) => holdId)).toEqual([first.holdId, second.holdId]);
    expect(reply.holds[1]).toMatchObject({
      requestIds: [7n],
      owner: "job",
      targets: [{ key: "a" }],
    });
    expect(reply.tickets).toMatchObject([
      { requestId: 8n, queued: { ticketId, position: 0, blockers: [{ sessionId: ben.id }] } },
    ]);
    expect(reply.session).toMatchObject({ holdCount: 2, ticketCount: 1, remainingMs: 15_000n });
    ann.release(first);
    expect(ann.get().holds.map(({ holdId }) => holdId)).toEqual([second.holdId]);
  });

  it("list what the session has lost, and why, in the order in which it went [SES-68]", () => {
    const world = new World();
    const ann = open(world);
    const [first, kept, second] = [ann.lock("a"), ann.lock("b"), ann.lock("c")];
    forceRelease(world, "c", second.token);
    forceRelease(world, "a", first.token);
    const { holds, losses } = ann.get();
    const reason = LossReason.FORCE_RELEASED;
    expect(holds.map(({ holdId }) => holdId)).toEqual([kept.holdId]);
    expect(losses).toMatchObject([
      { holdId: second.holdId, token: second.token, reason },
      { holdId: first.holdId, token: first.token, reason },
    ]);
  });

  it("tell each waiter its place, over several keys and among others [LOCK-29]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    for (const key of ["a", "b"]) ben.lock(key);
    const places = [
      ["a", ann],
      ["b", ben],
      ["a", ben],
      ["b", ann],
      ["a", ann],
      ["b", ann],
    ] as const;
    for (const [key, client] of places) client.queue(key);
    const shown = ann
      .get()
      .tickets.map(({ targets, queued }) => [targets[0]?.key, queued?.position]);
    expect(shown).toEqual([
      ["a", 0],
      ["b", 1],
      ["a", 2],
      ["b", 2],
    ]);
  });

  it("show who is in the way of the first waits alone when there are many", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    ben.lock("a");
    for (let i = 0; i < 100; i++) ann.queue("a");
    const { tickets } = ann.get();
    expect(tickets).toHaveLength(100);
    expect(tickets[20]?.queued?.blockers).toHaveLength(16);
    expect(tickets[99]?.queued).toMatchObject({ position: 99, blockers: [] });
    const blockers = tickets.flatMap(({ queued }) => queued?.blockers ?? []);
    expect(blockers.length).toBeLessThanOrEqual(1_024);
    expect(blockers.length).toBeGreaterThan(1_000);
  });

  it("look for nobody in the way any more once there was no room for one", () => {
    const world = new World({ limits: { max_unanswered: 10_000 } });
    world.checked = false;
    const [ann, ben] = [open(world), open(world)];
    ben.lock("a");
    for (let i = 0; i < 1_000; i++) ann.queue("a");
    const walked = countWalked(world, "a");
    ann.get();
    expect(walked()).toBeLessThan(3_000);
  });

  it("page through sessions by rising id, ended ones on request [SES-90, GEN-54]", () => {
    const world = new World();
    const clients = Array.from({ length: 5 }, () => open(world));
    const ids = clients.map(({ id }) => id);
    clients[1]?.close();
    const active = ids.filter((_, i) => i !== 1);
    const first = listSessions(world, { pageSize: 3 });
    expect(first.ids).toEqual(active.slice(0, 3));
    const second = listSessions(world, { pageSize: 3, pageToken: first.nextPageToken });
    expect(second).toMatchObject({ ids: active.slice(3), nextPageToken: "" });
    expect(listSessions(world, { pageSize: 4 }).nextPageToken).toBe("");
    const all = listSessions(world, { includeEnded: true });
    expect(all.ids).toEqual(ids);
    expect(all.sessions[1]).toMatchObject({ remainingMs: 0n, principal: "peer" });
    expect(all.sessions[1]?.endedAtMs).toBe(BigInt(world.now.unixMs));
  });

  it("refuse a page token that they did not give [GEN-55]", () => {
    const refusal = refused(() => listSessions(new World(), { pageToken: "x" }));
    expect(refusal).toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
      metadata: { field: "page_token" },
    });
  });
});
