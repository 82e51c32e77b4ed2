import { ErrorReason, ReplicaState } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  append,
  createDataset,
  datasetIn,
  Follower,
  listReplicas,
  put,
  subscribe,
  unregister,
} from "../testing-support/dataset/dataset-client.ts";
import { refusal } from "../testing-support/dataset/refusal.ts";
import { World } from "../testing-support/world.ts";

const LEASE_MS = 10_000;

function world(policy = {}): { made: World; follower: Follower } {
  const made = new World();
  createDataset(made, policy);
  append(made, [put("a", "1"), put("b", "1")]);
  append(made, [put("c", "1")]);
  return { made, follower: new Follower(made, "r") };
}

describe("An Ack", () => {
  it("makes an event when it tells of another state than before, and else none [REP-12]", () => {
    const { made, follower } = world();
    const made1 = made.state.revision;
    follower.ack(1n);
    expect(made.events.at(-1)?.body).toMatchObject({
      case: "replicaStateChanged",
      value: { replica: "r", state: ReplicaState.OK, appliedSeq: 1n, verifiedSeq: 1n },
    });
    follower.ack(2n);
    follower.ack(3n);
    made.advance(LEASE_MS - 1);
    follower.ack(3n);
    expect(made.state.revision).toBe(made1 + 1n + BigInt(checkpoints(made)));
    follower.ack(3n, ReplicaState.DEGRADED);
    expect(listReplicas(made)).toMatchObject([{ state: ReplicaState.DEGRADED, appliedSeq: 3n }]);
  });

  it("is answered with the head, durable or not, and whether it is in sync [REP-16]", () => {
    const { made, follower } = world();
    expect(follower.ack(3n)).toMatchObject({ headSeq: 3n, inSync: true });
    expect(follower.ack(3n, ReplicaState.DEGRADED)).toMatchObject({ inSync: false });
    made.commitsAtOnce = false;
    append(made, [put("d", "1")]);
    expect(follower.ack(3n)).toMatchObject({ headSeq: 4n, inSync: true });
  });

  it("is refused when it does not name the newest subscription of its generation [REP-13]", () => {
    const { made, follower } = world();
    const unknown = refusal(ErrorReason.SUBSCRIPTION_UNKNOWN);
    const first = follower.subscriptionId;
    expect(() => follower.ack(1n, ReplicaState.OK, { subscriptionId: first + 1n })).toThrow(
      unknown,
    );
    follower.subscribe();
    expect(() => follower.ack(1n, ReplicaState.OK, { subscriptionId: first })).toThrow(unknown);
    follower.ack(1n);
    // A reader's is nobody's.
    const { subscriptionId } = subscribe(made);
    expect(() => follower.ack(1n, ReplicaState.OK, { subscriptionId })).toThrow(unknown);
  });

  it("is refused after a restart until the replica has been compared again [REP-13, REP-12]", () => {
    const { made, follower } = world();
    follower.ack(3n);
    made.restart();
    expect(listReplicas(made)).toMatchObject([
      { state: ReplicaState.OK, appliedSeq: 0n, inSync: false, leaseRemainingMs: 0n },
    ]);
    expect(() => follower.ack(3n)).toThrow(refusal(ErrorReason.SUBSCRIPTION_UNKNOWN));
    follower.subscribe();
    expect(follower.ack(3n)).toMatchObject({ inSync: true });
  });

  it("is refused below the last one and above the head [REP-14]", () => {
    const { follower } = world();
    follower.ack(2n);
    expect(() => follower.ack(1n)).toThrow(
      refusal(ErrorReason.ACK_REGRESSED, { applied_seq: "2" }),
    );
    expect(() => follower.ack(4n)).toThrow(refusal(ErrorReason.LOG_DIVERGED, { head_seq: "3" }));
    follower.ack(2n);
  });

  it("of an earlier generation, or of nobody, is refused [REP-1, REP-4]", () => {
    const { made, follower } = world();
    const later = new Follower(made, "r");
    expect(() => follower.ack(3n)).toThrow(
      refusal(ErrorReason.REPLICA_SUPERSEDED, { generation: String(later.generation) }),
    );
    unregister(made, "r", later.generation);
    expect(() => later.ack(3n)).toThrow(refusal(ErrorReason.REPLICA_UNKNOWN));
  });

  it("of a state that is not known counts as QUARANTINED [REP-17]", () => {
    const { made, follower } = world();
    expect(follower.ack(3n, 77 as ReplicaState)).toMatchObject({ inSync: false });
    expect(listReplicas(made)).toMatchObject([{ state: ReplicaState.QUARANTINED }]);
  });
});

describe("A replica", () => {
  it("is in sync exactly while its last Ack is not older than the lease [REP-20]", () => {
    const { made, follower } = world();
    follower.ack(3n);
    made.advance(LEASE_MS);
    expect(listReplicas(made)).toMatchObject([{ inSync: true, leaseRemainingMs: 0n }]);
    made.advance(1);
    expect(listReplicas(made)).toMatchObject([{ inSync: false }]);
    follower.ack(3n);
    expect(listReplicas(made)).toMatchObject([{ inSync: true, leaseRemainingMs: 10_000n }]);
  });

  it("is in sync while it has applied what the head was a while ago, and again later [REP-20, REP-22]", () => {
    const { made, follower } = world({ maxSyncLagMs: 2_000n });
    made.pass(5_000);
    append(made, [put("d", "1")]);
    expect(follower.ack(2n)).toMatchObject({ inSync: false });
    expect(follower.ack(3n)).toMatchObject({ inSync: true });
    made.pass(1_999);
    expect(follower.ack(3n)).toMatchObject({ inSync: true });
    made.pass(1);
    expect(follower.ack(3n)).toMatchObject({ inSync: false });
    expect(follower.ack(4n)).toMatchObject({ inSync: true });
  });

  it("that never acknowledged is not in sync, though there is nothing to apply [REP-20]", () => {
    const made = new World();
    createDataset(made);
    const follower = new Follower(made, "r");
    expect(listReplicas(made)).toMatchObject([{ inSync: false, state: ReplicaState.UNSPECIFIED }]);
    expect(follower.ack(0n)).toMatchObject({ inSync: true });
  });

  it("after a restart must have applied everything that was there at its start [REP-12, REP-20]", () => {
    const { made, follower } = world();
    follower.ack(2n);
    made.restart();
    follower.subscribe();
    expect(follower.ack(2n)).toMatchObject({ inSync: false });
    expect(follower.ack(3n)).toMatchObject({ inSync: true });
  });

  it("takes one reminder, however often it acknowledges", () => {
    const { made, follower } = world();
    follower.ack(3n);
    const { size } = made.state.due;
    for (let i = 0; i < 100; i++) follower.ack(3n);
    expect(made.state.due.size).toBe(size);
    expect(datasetIn(made).replicas.size).toBe(1);
  });
});

function checkpoints(made: World): number {
  return made.events.filter(({ body }) => body.case === "datasetCheckpointed").length;
}
