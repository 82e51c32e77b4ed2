import { create } from "@bufbuild/protobuf";
import {
  DeniedReason,
  ErrorReason,
  HoldCountChangedSchema,
  LockGrantedSchema,
  LockMode,
  OnLossAction,
  ServedTimeAdvancedSchema,
  SessionState,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { apply } from "./apply/apply.ts";
import { InvariantError } from "./apply/invariant.ts";
import { NamespaceState } from "./state/state.ts";
import { checkFence, forceRelease, getLock, open, refused } from "./testing-support/client.ts";
import { World } from "./testing-support/world.ts";

describe("A new lineage", () => {
  it("grants nothing before its pause is over, then in the order of arrival [REC-33, REC-34, LOCK-22]", () => {
    const world = new World({ grantPauseMs: 5_000 });
    const [ann, ben] = [open(world), open(world)];
    expect(ann.acquire("a")).toMatchObject({
      reason: DeniedReason.LOCK_DELAY,
      retryAfterMs: 5_000n,
    });
    ben.queue("a");
    ann.queue("a");
    expect(world.advance(4_999)).toEqual([]);
    const grants = world.advance(1).map(({ body }) => body);
    expect(grants).toMatchObject([{ case: "lockGranted", value: { sessionId: ben.id } }]);
    ann.lock("b");
  });

  it("grants in the order of arrival even when a wait is over that ended in the pause [REC-34]", () => {
    const world = new World({ grantPauseMs: 5_000 });
    const [ann, ben, carl] = [open(world), open(world), open(world)];
    ann.queue("a");
    carl.queue("b", { waitMs: 1_000 });
    ben.queue("b");
    const granted = world
      .advance(5_000)
      .flatMap(({ body }) => (body.case === "lockGranted" ? [body.value.sessionId] : []));
    expect(granted).toEqual([ann.id, ben.id]);
  });

  it("keeps its pause over a restart, until something has been granted", () => {
    const world = new World({ grantPauseMs: 5_000 });
    const ann = open(world);
    world.advance(3_000);
    world.restart();
    expect(ann.acquire("a")).toMatchObject({ retryAfterMs: 5_000n });
    world.advance(5_000);
    ann.lock("b");
    world.restart();
    ann.lock("c");
  });

  it("begins above all revisions and epochs, whose tokens are stale [REC-31, REC-36]", () => {
    const world = new World();
    const { token } = open(world).lock("a");
    const { epoch } = world.state;
    world.restart({ lineage: true });
    expect(world.state.epoch).toBeGreaterThan(epoch + 1n);
    expect(checkFence(world, "b", token + 1n)).toBe(checkFence(world, "b", token));
    expect(open(world).lock("b").token).toBeGreaterThan(token + 1_000n);
  });
});

describe("Recovery", () => {
  it("goes on with the pause of a new lineage where it was [REC-20]", () => {
    const world = new World({ grantPauseMs: 20_000 });
    const ann = open(world, { ttlMs: 60_000 });
    world.advance(5_000);
    world.advance(5_000);
    world.advance(4_000);
    world.restart();
    expect(ann.acquire("a")).toMatchObject({ retryAfterMs: 10_000n });
    ann.queue("a");
    world.advance(9_999);
    expect(ann.get().holds).toEqual([]);
    world.advance(1);
    expect(ann.get().holds).toHaveLength(1);
    world.restart();
    ann.lock("b");
  });

  it("begins a pause of its own when another lineage begins", () => {
    const world = new World({ grantPauseMs: 20_000 });
    world.advance(5_000);
    world.advance(5_000);
    world.restart({ lineage: true, grantPauseMs: 6_000 });
    expect(open(world).acquire("a")).toMatchObject({ retryAfterMs: 6_000n });
    world.advance(6_000);
    open(world).lock("a");
  });

  it("spreads the ends of many sessions over a second, none before its time [REC-9]", () => {
    const world = new World();
    world.checked = false;
    for (let i = 0; i < 3_000; i++) open(world, { ttlMs: 2_000 });
    world.restart();
    expect(world.advance(1_999)).toEqual([]);
    const ended = (events: readonly { body: { case?: string | undefined } }[]) =>
      events.filter(({ body }) => body.case === "sessionEnded").length;
    expect(ended(world.advance(1))).toBe(1_000);
    expect(ended(world.advance(500))).toBe(1_000);
    expect(ended(world.advance(499))).toBeLessThan(1_000);
    world.advance(1);
    expect(world.state.activeSessions).toBe(0);
  });

  it("gives every session its full time to live again, from the start of the epoch [REC-8]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 2_000 });
    world.advance(1_999);
    world.restart();
    expect(ann.get().session?.remainingMs).toBe(2_000n);
    expect(world.advance(1_999)).toEqual([]);
    world.advance(1);
    expect(world.state.sessions.get(ann.id)?.state).toBe(SessionState.EXPIRED);
  });

  it("keeps holds, and the order of those who wait [REC-5, REC-6]", () => {
    const world = new World();
    const [ann, ben, carl] = [open(world), open(world), open(world)];
    const lock = ann.lock("a");
    const tickets = [carl.queue("a"), ben.queue("a"), carl.queue("a")];
    world.restart();
    expect(getLock(world, "a").queue.map(({ ticketId }) => ticketId)).toEqual(tickets);
    expect(checkFence(world, "a", lock.token)).toBe(1);
    ann.release(lock);
    expect(getLock(world, "a").holders[0]?.sessionId).toBe(carl.id);
  });

  it("goes on with a delay, less what was written down of it [REC-20, REC-21]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 20_000 });
    forceRelease(world, "a", ann.lock("a").token);
    world.advance(5_000);
    world.advance(5_000);
    world.advance(4_000);
    world.restart();
    // A millisecond is given away, so that never too much is counted.
    expect(getLock(world, "a").delays[0]?.remainingMs).toBe(15_001n);
    world.advance(5_000);
    world.restart();
    expect(getLock(world, "a").delays[0]?.remainingMs).toBe(10_001n);
    world.advance(10_000);
    expect(getLock(world, "a").delays).toHaveLength(1);
    world.advance(1);
    expect(getLock(world, "a").delays).toHaveLength(0);
  });

  it("keeps the outcomes of what made an event, and waits on under the same request [GEN-70, REC-6]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    const granted = ann.acquire("a", { requestId: 1n });
    const ticketId = ben.queue("a", { requestId: 1n, waitMs: 5_000 });
    const other = ben.lock("b", { requestId: 2n });
    ben.release(other, { requestId: 3n });
    world.restart();
    const { revision } = world.state;
    expect(ann.acquire("a", { requestId: 1n })).toEqual(granted);
    expect(ben.acquire("a", { requestId: 1n, waitMs: 5_000 })).toEqual({
      case: "waiting",
      ticketId,
    });
    expect(ben.release(other, { requestId: 3n }).outcome).toBe(1);
    expect(world.state.revision).toBe(revision);
    const reused = refused(() => ben.acquire("c", { requestId: 1n, waitMs: 5_000 }));
    expect(reused.reason).toBe(ErrorReason.REQUEST_ID_REUSED);
  });

  it("tells a loss again, and remembers how sessions ended [REC-11]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    const lock = ann.lock("a");
    forceRelease(world, "a", lock.token);
    const loss = world.state.revision;
    ben.close();
    world.restart();
    expect(ann.keepAlive().sessionRevision).toBe(loss);
    expect(refused(() => ben.get()).reason).toBe(ErrorReason.SESSION_CLOSED);
    ann.keepAlive(loss);
    ann.lock("a");
  });

  it("knows nothing of what was not durable", () => {
    const world = new World();
    const ann = open(world);
    world.commitsAtOnce = false;
    ann.acquire("a", { requestId: 1n });
    world.restart();
    expect(getLock(world, "a").holders).toEqual([]);
    expect(ann.acquire("b", { requestId: 1n }).case).toBe("granted");
  });

  it("ends waits and forgets sessions by their full time from the start of the epoch [REC-7, REC-11]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    ann.lock("a");
    ann.queue("a", { waitMs: 5_000 });
    ben.close();
    world.advance(4_000);
    world.restart();
    expect(world.advance(4_999)).toEqual([]);
    expect(world.advance(1).map(({ body }) => body.case)).toEqual(["ticketEnded"]);
    world.advance(3_594_999);
    expect(world.state.sessions.has(ben.id)).toBe(true);
    world.advance(1);
    expect(world.state.sessions.has(ben.id)).toBe(false);
  });
});

describe("Applying events", () => {
  it("refuses a gap, a repetition and an epoch that does not rise [GEN-15]", () => {
    const world = new World();
    open(world);
    const [epoch, opened] = world.events;
    if (epoch === undefined || opened === undefined) throw new Error("two events are needed");
    const empty = () => new NamespaceState(world.state.limits);
    expect(() => apply(empty(), opened)).toThrow(InvariantError);
    expect(() => apply(world.state, opened)).toThrow(InvariantError);
    const later = { ...epoch, revision: world.state.revision + 5n };
    expect(() => apply(world.state, later)).toThrow(InvariantError);
  });

  it("refuses an event it does not know [GEN-88]", () => {
    const world = new World();
    const unknown = { ...world.events[0], revision: 2n, body: { case: undefined } };
    expect(() => apply(world.state, unknown as never)).toThrow(InvariantError);
  });

  it("refuses a grant of a key that is taken, and a token that is not the revision", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    ann.lock("a");
    const [granted] = world.events.slice(-1);
    if (granted?.body.case !== "lockGranted") throw new Error("a grant is needed");
    const again = (token: bigint, key: string) =>
      world.record({
        case: "lockGranted",
        value: {
          ...(granted.body.value as object),
          sessionId: ben.id,
          holdId: token,
          token,
          targets: [{ $typeName: "lockstep.v1.LockTarget", key, mode: 1 }],
        } as never,
      });
    expect(() => again(world.state.revision + 1n, "a")).toThrow("granted twice");
    expect(() => again(world.state.revision, "b")).toThrow("is not its revision");
  });

  it("refuses a grant of a key that is quarantined", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    forceRelease(world, "a", ann.lock("a", { onLoss: OnLossAction.QUARANTINE }).token, {
      immediate: true,
    });
    const token = world.state.revision + 1n;
    const targets = [{ key: "a", mode: LockMode.EXCLUSIVE }];
    const granted = { holdId: token, token, sessionId: ben.id, requestId: 1n, targets };
    expect(() =>
      world.record({ case: "lockGranted", value: create(LockGrantedSchema, granted) }),
    ).toThrow("quarantined");
  });

  it.each([0, 1, 3])("refuses that a hold that counts 1 counts %i after one more", (count) => {
    const world = new World();
    const { holdId } = open(world).lock("a");
    const changed = create(HoldCountChangedSchema, { holdId, count, enteredRequestId: 2n });
    expect(() => world.record({ case: "holdCountChanged", value: changed })).toThrow(
      "cannot count",
    );
  });

  it("refuses that a hold counts nothing, and that the time served falls", () => {
    const world = new World();
    const { holdId } = open(world).lock("a", { maxHoldMs: 60_000 });
    const none = create(HoldCountChangedSchema, { holdId, count: 0 });
    expect(() => world.record({ case: "holdCountChanged", value: none })).toThrow("cannot count");
    const other = new World();
    open(other).lock("a", { maxHoldMs: 60_000 });
    other.advance(5_000);
    const less = create(ServedTimeAdvancedSchema, { servedMs: 4_999n });
    expect(() => other.record({ case: "servedTimeAdvanced", value: less })).toThrow("fell");
  });
});
