import { AppendOutcome, ErrorReason, ReplicaState } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  ALL_IN_SYNC,
  append,
  appendWaiting,
  createDataset,
  datasetIn,
  deleteDataset,
  Follower,
  LOCAL,
  put,
  quorum,
  unregister,
  updateDataset,
  waitForReplication,
} from "../testing-support/dataset/dataset-client.ts";
import { refusal } from "../testing-support/dataset/refusal.ts";
import { World } from "../testing-support/world.ts";

const { APPENDED, APPENDED_NOT_REPLICATED } = AppendOutcome;
const CHANGES = [put("a", "1")];
const LEASE_MS = 10_000;

/** A dataset with so many replicas, all in sync. */
function followed(count: number, policy = {}): { world: World; followers: Follower[] } {
  const world = new World();
  createDataset(world, policy);
  const followers = Array.from({ length: count }, (_, at) => new Follower(world, `r${at}`));
  for (const follower of followers) follower.ack();
  return { world, followers };
}

/** An append that waits for as many replicas as it can. */
function waiting(world: World, durability: object, more = {}): bigint {
  return appendWaiting(world, CHANGES, { durability, ...more });
}

function follower(all: readonly Follower[], at: number): Follower {
  return all[at] as Follower;
}

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

describe("WaitForReplication", () => {
  it("answers at once, later or in the end, as an append would [DATA-68]", () => {
    const { world, followers } = followed(2);
    append(world, CHANGES);
    expect(waitForReplication(world, 1n)).toMatchObject({ outcome: APPENDED, appliedBy: [] });
    const all = [quorum(1), quorum(2), quorum(3)].map((durability) =>
      waitForReplication(world, 1n, { durability, replicationTimeoutMs: 1_000n }),
    );
    for (const one of followers) one.ack(1n);
    const [one, two, three] = all as bigint[];
    expect(world.settled.get(one as bigint)).toMatchObject({ appliedBy: ["r0"] });
    expect(world.settled.get(two as bigint)).toMatchObject({ appliedBy: ["r0", "r1"] });
    expect(world.settled.has(three as bigint)).toBe(false);
    world.advance(1_000);
    expect(world.settled.get(three as bigint)).toMatchObject({ outcome: APPENDED_NOT_REPLICATED });
    expect(waitForReplication(world, 1n, { durability: ALL_IN_SYNC })).toMatchObject({
      outcome: APPENDED,
      appliedBy: ["r0", "r1"],
    });
  });

  it("for a change that is not there is refused [DATA-68]", () => {
    const { world } = followed(0);
    expect(() => waitForReplication(world, 1n)).toThrow(
      refusal(ErrorReason.LOG_DIVERGED, { head_seq: "0" }),
    );
  });
});

describe("Waits", () => {
  it("beyond the limit are refused before anything is appended [DATA-69]", () => {
    const world = new World({ limits: { max_replication_waits: 2 } });
    createDataset(world);
    const one = new Follower(world, "r");
    one.ack();
    waiting(world, quorum(1));
    expect(waitForReplication(world, 1n, { durability: quorum(1) })).toBe(2n);
    const full = refusal(ErrorReason.LIMIT_EXCEEDED, { limit: "max_replication_waits" });
    expect(() => waiting(world, quorum(1))).toThrow(full);
    expect(() => waitForReplication(world, 1n, { durability: quorum(1) })).toThrow(full);
    expect(datasetIn(world).head.seq).toBe(1n);
    append(world, CHANGES);
    one.ack();
    waiting(world, quorum(1));
  });

  it("go on as they were decided when the policy changes [DATA-7]", () => {
    const { world, followers } = followed(3, { minInSync: 1 });
    const wait = waiting(world, ALL_IN_SYNC, { replicationTimeoutMs: 60_000n });
    updateDataset(world, { minInSync: 3 });
    for (const at of [1, 2]) follower(followers, at).ack(0n, ReplicaState.DEGRADED);
    follower(followers, 0).ack();
    expect(world.settled.get(wait)).toMatchObject({ outcome: APPENDED, appliedBy: ["r0"] });
  });

  it("end when the dataset is deleted [DATA-8]", () => {
    const { world, followers } = followed(2);
    const wait = waiting(world, quorum(2));
    follower(followers, 0).ack();
    deleteDataset(world, datasetIn(world).id);
    expect(world.settled.get(wait)).toMatchObject({
      outcome: APPENDED_NOT_REPLICATED,
      appliedBy: ["r0"],
    });
    expect(world.advance(60_000)).toEqual([]);
  });

  it("of 10,000 appends end in any order, and leave nothing behind", () => {
    const { world, followers } = followed(1);
    world.checked = false;
    const waits = Array.from({ length: 10_000 }, (_, at) =>
      waiting(world, quorum(1), { replicationTimeoutMs: BigInt(1_000 + (at % 2) * 5_000) }),
    );
    world.advance(1_000);
    expect(datasetIn(world).waits.size).toBe(5_000);
    follower(followers, 0).ack(4_000n);
    expect(datasetIn(world).waits.size).toBe(3_000);
    follower(followers, 0).ack();
    expect(datasetIn(world).waits.size).toBe(0);
    expect(world.state.replicationWaits.size).toBe(0);
    expect(waits.every((id) => world.settled.has(id))).toBe(true);
  });
});
