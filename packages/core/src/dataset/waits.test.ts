import { AppendOutcome, ErrorReason, ReplicaState } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  ALL_IN_SYNC,
  append,
  appendWaiting,
  datasetIn,
  Follower,
  LOCAL,
  listReplicas,
  put,
  quorum,
  unregister,
} from "../testing-support/dataset/dataset-client.ts";
import {
  CHANGES,
  followed,
  follower,
  LEASE_MS,
  waiting,
} from "../testing-support/dataset/followed.ts";
import { refusal } from "../testing-support/dataset/refusal.ts";

const { APPENDED, APPENDED_NOT_REPLICATED } = AppendOutcome;
const { OK } = ReplicaState;

describe("An append with LOCAL", () => {
  it("waits for nobody, and names nobody [DATA-61]", () => {
    const { world } = followed(1);
    for (const durability of [LOCAL, undefined])
      expect(append(world, CHANGES, durability ? { durability } : {})).toMatchObject({
        outcome: APPENDED,
        appliedBy: [],
      });
  });
});

describe("An append with QUORUM", () => {
  it("is answered when so many have applied it, whoever they are [DATA-62, DATA-67]", () => {
    const { world, followers } = followed(3);
    const wait = waiting(world, quorum(2));
    const { seq } = datasetIn(world).head;
    follower(followers, 2).ack(seq);
    expect(world.settled.has(wait)).toBe(false);
    follower(followers, 0).ack(seq);
    expect(world.settled.get(wait)).toMatchObject({
      outcome: APPENDED,
      appliedBy: ["r0", "r2"],
      lastSeq: seq,
      changes: [{ seq, duplicate: false }],
    });
  });

  it("is not answered by one that has applied only what was before [DATA-62]", () => {
    const { world, followers } = followed(1);
    append(world, CHANGES);
    const wait = waiting(world, quorum(1));
    follower(followers, 0).ack(1n);
    expect(world.settled.has(wait)).toBe(false);
    follower(followers, 0).ack(2n);
    expect(world.settled.has(wait)).toBe(true);
  });

  it.each([ReplicaState.DEGRADED, ReplicaState.QUARANTINED])(
    "counts no replica that says %d, until it says OK [REP-21]",
    (said) => {
      const { world, followers } = followed(1);
      const wait = waiting(world, quorum(1));
      follower(followers, 0).ack(1n, said);
      expect(world.settled.has(wait)).toBe(false);
      follower(followers, 0).ack(1n);
      expect(world.settled.get(wait)).toMatchObject({ outcome: APPENDED, appliedBy: ["r0"] });
    },
  );

  it("counts no earlier generation [DATA-62, REP-1]", () => {
    const { world, followers } = followed(2);
    const wait = waiting(world, quorum(2));
    follower(followers, 0).ack();
    const again = new Follower(world, "r0");
    follower(followers, 1).ack();
    expect(world.settled.has(wait)).toBe(false);
    again.ack();
    expect(world.settled.has(wait)).toBe(true);
  });

  it("takes the default of the policy when it does not say [DATA-62]", () => {
    const { world, followers } = followed(1, { defaultDurability: quorum(1) });
    const wait = appendWaiting(world, CHANGES);
    follower(followers, 0).ack();
    expect(world.settled.get(wait)).toMatchObject({ outcome: APPENDED });
  });
});

describe("An append with ALL_IN_SYNC", () => {
  it("is answered when all in the set have applied it [DATA-63]", () => {
    const { world, followers } = followed(2);
    const wait = waiting(world, ALL_IN_SYNC);
    follower(followers, 0).ack();
    expect(world.settled.has(wait)).toBe(false);
    follower(followers, 1).ack();
    expect(world.settled.get(wait)).toMatchObject({ outcome: APPENDED, appliedBy: ["r0", "r1"] });
  });

  it("does not wait for one that drops out of the set [DATA-63, REP-20]", () => {
    const { world, followers } = followed(2);
    const wait = waiting(world, ALL_IN_SYNC, { replicationTimeoutMs: 60_000n });
    world.advance(LEASE_MS / 2);
    follower(followers, 0).ack();
    world.advance(LEASE_MS / 2);
    expect(world.settled.has(wait)).toBe(false);
    world.advance(1);
    expect(world.settled.get(wait)).toMatchObject({ outcome: APPENDED, appliedBy: ["r0"] });
  });

  it("does not wait for one that is unregistered [DATA-63]", () => {
    const { world, followers } = followed(2);
    const wait = waiting(world, ALL_IN_SYNC);
    follower(followers, 0).ack();
    unregister(world, "r1", follower(followers, 1).generation);
    expect(world.settled.has(wait)).toBe(true);
  });

  it("does not wait for one that leaves, until that is back [DATA-63, REP-20, REP-22]", () => {
    const { world, followers } = followed(2);
    const wait = waiting(world, ALL_IN_SYNC);
    follower(followers, 0).ack();
    expect(follower(followers, 1).ack(0n, OK, { leaving: true })).toMatchObject({ inSync: false });
    expect(world.settled.get(wait)).toMatchObject({ outcome: APPENDED, appliedBy: ["r0"] });
    expect(listReplicas(world)[1]).toMatchObject({
      inSync: false,
      leaseRemainingMs: 0n,
      state: OK,
    });
    expect(follower(followers, 1).ack()).toMatchObject({ inSync: true });
    const next = waiting(world, ALL_IN_SYNC);
    follower(followers, 0).ack();
    expect(world.settled.has(next)).toBe(false);
  });

  it("is not answered by a set that has become empty [DATA-63]", () => {
    const { world, followers } = followed(2);
    const wait = waiting(world, ALL_IN_SYNC, { replicationTimeoutMs: 60_000n });
    for (const one of followers) one.ack(0n, ReplicaState.DEGRADED);
    world.advance(LEASE_MS + 1);
    expect(world.settled.has(wait)).toBe(false);
    follower(followers, 1).ack();
    expect(world.settled.get(wait)).toMatchObject({ outcome: APPENDED, appliedBy: ["r1"] });
  });

  it("needs as many as the policy wants, also when fewer are left [DATA-63]", () => {
    const { world, followers } = followed(3, { minInSync: 2 });
    const wait = waiting(world, ALL_IN_SYNC, { replicationTimeoutMs: 60_000n });
    follower(followers, 0).ack();
    world.advance(LEASE_MS + 1);
    expect(world.settled.has(wait)).toBe(false);
    follower(followers, 1).ack();
    expect(world.settled.has(wait)).toBe(true);
  });

  it("waits no more for one that only lags behind too far [REP-20, DATA-63]", () => {
    const { world, followers } = followed(2, { maxSyncLagMs: 2_000n });
    const wait = waiting(world, ALL_IN_SYNC);
    follower(followers, 0).ack();
    world.advance(2_000);
    follower(followers, 1).ack(0n);
    expect(world.settled.get(wait)).toMatchObject({ appliedBy: ["r0"] });
  });
});

describe("Too few replicas in sync", () => {
  it("refuse the append before anything is written [DATA-64]", () => {
    const { world, followers } = followed(2, { minInSync: 2 });
    const refusedWith = (inSync: number, needed: number) =>
      refusal(ErrorReason.NOT_ENOUGH_IN_SYNC, { in_sync: `${inSync}`, needed: `${needed}` });
    expect(() => waiting(world, quorum(3))).toThrow(refusedWith(2, 3));
    follower(followers, 1).ack(0n, ReplicaState.DEGRADED);
    // The policy binds a QUORUM of fewer, too.
    expect(() => waiting(world, quorum(1))).toThrow(refusedWith(1, 2));
    expect(() => waiting(world, ALL_IN_SYNC)).toThrow(refusedWith(1, 2));
    expect(datasetIn(world).head.seq).toBe(0n);
    append(world, CHANGES, { durability: LOCAL });
  });

  it("refuse ALL_IN_SYNC when there is none at all [DATA-64]", () => {
    const { world } = followed(0);
    expect(() => waiting(world, ALL_IN_SYNC)).toThrow(
      refusal(ErrorReason.NOT_ENOUGH_IN_SYNC, { in_sync: "0", needed: "1" }),
    );
  });
});

describe("When the time for replicas has passed", () => {
  it("an append says so, and who has applied it, and stays [DATA-65]", () => {
    const { world, followers } = followed(3);
    const wait = waiting(world, quorum(2), { replicationTimeoutMs: 500n });
    follower(followers, 1).ack();
    world.advance(499);
    expect(world.settled.has(wait)).toBe(false);
    world.advance(1);
    expect(world.settled.get(wait)).toMatchObject({
      outcome: APPENDED_NOT_REPLICATED,
      appliedBy: ["r1"],
      lastSeq: 1n,
    });
    expect(datasetIn(world).head.seq).toBe(1n);
    expect(datasetIn(world).waits.size).toBe(0);
  });

  it("an append with ALL_IN_SYNC that nobody has applied says so, though the set is empty [DATA-63, DATA-65]", () => {
    const { world } = followed(2);
    const wait = waiting(world, ALL_IN_SYNC, { replicationTimeoutMs: BigInt(LEASE_MS + 2_000) });
    world.advance(LEASE_MS + 2_000);
    expect(world.settled.get(wait)).toMatchObject({
      outcome: APPENDED_NOT_REPLICATED,
      appliedBy: [],
    });
  });

  it("is 10 s when nothing was said, and what the limits allow at most [DATA-65]", () => {
    const { world } = followed(1);
    const [short, long] = [
      waiting(world, quorum(1)),
      waiting(world, quorum(1), { replicationTimeoutMs: 3_600_000n }),
    ];
    world.advance(9_999);
    expect(world.settled.has(short)).toBe(false);
    world.advance(1);
    expect(world.settled.has(short)).toBe(true);
    world.advance(49_999);
    expect(world.settled.has(long)).toBe(false);
    world.advance(1);
    expect(world.settled.has(long)).toBe(true);
  });
});

describe("An append of duplicates", () => {
  it("waits for replicas like another, whoever is in sync [DATA-66]", () => {
    const { world, followers } = followed(1);
    const change = put("a", "1", { idempotencyKey: "k" });
    append(world, [change], { durability: LOCAL });
    world.advance(LEASE_MS + 1);
    const wait = appendWaiting(world, [change], { durability: quorum(1) });
    follower(followers, 0).ack(1n);
    expect(world.settled.get(wait)).toMatchObject({
      outcome: APPENDED,
      changes: [{ seq: 1n, duplicate: true }],
      appliedBy: ["r0"],
    });
    expect(append(world, [change], { durability: quorum(1) })).toMatchObject({
      outcome: APPENDED,
      appliedBy: ["r0"],
    });
  });
});
