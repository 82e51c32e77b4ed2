import { AppendOutcome, ErrorReason, ReplicaState } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  ALL_IN_SYNC,
  append,
  createDataset,
  datasetIn,
  deleteDataset,
  Follower,
  quorum,
  updateDataset,
  waitForReplication,
} from "../testing-support/dataset/dataset-client.ts";
import { CHANGES, followed, follower, waiting } from "../testing-support/dataset/followed.ts";
import { refusal } from "../testing-support/dataset/refusal.ts";
import { World } from "../testing-support/world.ts";

const { APPENDED, APPENDED_NOT_REPLICATED } = AppendOutcome;

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

  it("wait no more for one that a changed policy puts out of the set [DATA-63, DATA-7]", () => {
    const { world, followers } = followed(2);
    const wait = waiting(world, ALL_IN_SYNC);
    follower(followers, 0).ack();
    world.advance(3_000);
    updateDataset(world, { maxSyncLagMs: 2_000n });
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
