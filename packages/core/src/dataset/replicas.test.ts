import { create } from "@bufbuild/protobuf";
import {
  DriftAction,
  DriftKind,
  type DriftReport,
  DriftReportSchema,
  ErrorReason,
  ListReplicasRequestSchema,
  ReplicaState,
  ReportDriftRequestSchema,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  append,
  bytes,
  createDataset,
  datasetIn,
  Follower,
  instanceOf,
  listReplicas,
  NAME,
  put,
  register,
  subscribe,
  unregister,
} from "../testing-support/dataset/dataset-client.ts";
import { refusal } from "../testing-support/dataset/refusal.ts";
import { World } from "../testing-support/world.ts";

function world(limits = {}): World {
  const made = new World({ limits });
  createDataset(made);
  return made;
}

function report(text: string): DriftReport {
  const finding = { kind: DriftKind.EXTRA, bucket: 1, key: bytes(text), replicaSeq: 1n };
  const asOf = { seq: 1n, logHash: new Uint8Array(32) };
  const findings = [{ $typeName: "lockstep.v1.DriftFinding", serverSeq: 0n, ...finding } as const];
  return create(DriftReportSchema, {
    asOf,
    badBuckets: 1,
    extra: 1n,
    findings,
    action: DriftAction.NONE,
  });
}

function reportDrift(made: World, replica: string, generation: bigint, reportNumber: bigint): void {
  const content = { report: report(`key ${reportNumber}`), reportNumber };
  const request = create(ReportDriftRequestSchema, {
    dataset: NAME,
    replica,
    generation,
    ...content,
  });
  made.reply({ kind: "reportDrift", principal: "replica", request });
}

describe("RegisterReplica", () => {
  it("starts a generation above every one before, of whichever replica [REP-1]", () => {
    const made = world();
    const first = register(made, "a");
    expect(first).toBe(made.state.revision);
    const other = register(made, "b");
    unregister(made, "a", first);
    const again = register(made, "a");
    expect(other).toBeGreaterThan(first);
    expect(again).toBeGreaterThan(other);
    expect(() => subscribe(made, { replica: "a", generation: first })).toThrow(
      refusal(ErrorReason.REPLICA_SUPERSEDED, { generation: String(again) }),
    );
  });

  it("is refused when it does not follow the generation in force [REP-2]", () => {
    const made = world();
    const mismatch = (version: bigint) =>
      refusal(ErrorReason.VERSION_MISMATCH, { version: String(version) });
    expect(() => register(made, "a", { expectedGeneration: 1n })).toThrow(mismatch(0n));
    const first = register(made, "a");
    expect(() => register(made, "a", { expectedGeneration: 0n })).toThrow(mismatch(first));
    const second = register(made, "a", { expectedGeneration: first });
    expect(() => register(made, "a", { expectedGeneration: first })).toThrow(mismatch(second));
  });

  it("that is repeated is answered as done, without an event [REP-3]", () => {
    const made = world();
    const instance = instanceOf(200);
    const first = register(made, "a", { instance, expectedGeneration: 0n });
    const { revision } = made.state;
    expect(register(made, "a", { instance, expectedGeneration: 0n })).toBe(first);
    expect(made.state.revision).toBe(revision);
    made.restart();
    expect(register(made, "a", { instance, expectedGeneration: 0n })).toBe(first);
  });

  it("is refused beyond `max_replicas`, but not for who is there [REP-4]", () => {
    const made = world({ max_replicas: 2 });
    register(made, "a");
    const generation = register(made, "b");
    const full = refusal(ErrorReason.LIMIT_EXCEEDED, { limit: "max_replicas" });
    expect(() => register(made, "c")).toThrow(full);
    unregister(made, "b", register(made, "b"));
    expect(register(made, "c")).toBeGreaterThan(generation);
  });

  it("begins a generation that has said nothing [REP-1]", () => {
    const made = world();
    append(made, [put("a", "1")]);
    const follower = new Follower(made, "a");
    follower.ack(1n);
    reportDrift(made, "a", follower.generation, 1n);
    register(made, "a");
    const [replica] = listReplicas(made);
    expect(replica).toMatchObject({ appliedSeq: 0n, inSync: false, leaseRemainingMs: 0n });
    expect(replica).toMatchObject({ state: ReplicaState.UNSPECIFIED });
    expect(replica?.lastDrift).toBeUndefined();
  });
});

describe("UnregisterReplica", () => {
  it("is refused for another generation, and answered as done for nobody [REP-6]", () => {
    const made = world();
    const generation = register(made, "a");
    const { revision } = made.state;
    expect(() => unregister(made, "a", generation - 1n)).toThrow(
      refusal(ErrorReason.VERSION_MISMATCH, { version: String(generation) }),
    );
    unregister(made, "b", 1n);
    expect(made.state.revision).toBe(revision);
    unregister(made, "a", generation);
    unregister(made, "a", generation);
    expect(made.state.revision).toBe(revision + 1n);
    expect(listReplicas(made)).toEqual([]);
  });
});

describe("ListReplicas", () => {
  it("tells what each said, and how far behind it is [REP-23]", () => {
    const made = world();
    append(made, [put("a", "1")]);
    const follower = new Follower(made, "b");
    const generation = register(made, "a", { description: "mirror" });
    made.pass(3_000);
    append(made, [put("a", "2"), put("a", "3")]);
    made.pass(500);
    follower.ack(1n);
    expect(listReplicas(made)).toMatchObject([
      { replica: "a", generation, description: "mirror", principal: "replica", lagChanges: 3n },
      {
        replica: "b",
        generation: follower.generation,
        state: ReplicaState.OK,
        appliedSeq: 1n,
        verifiedSeq: 1n,
        lagChanges: 2n,
        lagMs: 500n,
        inSync: true,
        leaseRemainingMs: 10_000n,
      },
    ]);
    follower.ack();
    expect(listReplicas(made)[1]).toMatchObject({ lagChanges: 0n, lagMs: 0n });
  });

  it("lists each once, in byte order, page by page [REP-23]", () => {
    const made = world();
    const names = ["é", "a", "b", "Z", "\u{1f600}", "\uffee"];
    for (const name of names) register(made, name);
    const seen: string[] = [];
    for (let pageToken = ""; ; ) {
      const page = { dataset: NAME, pageSize: 2, pageToken };
      const request = create(ListReplicasRequestSchema, page);
      const reply = made.reply({ kind: "listReplicas", request });
      seen.push(...reply.replicas.map(({ replica }) => replica));
      pageToken = reply.nextPageToken;
      if (pageToken === "") break;
    }
    expect(seen).toEqual(["Z", "a", "b", "é", "\uffee", "\u{1f600}"]);
  });

  it("tells registrations and states after a restart [REP-7]", () => {
    const made = world();
    const follower = new Follower(made, "a");
    follower.ack(0n, ReplicaState.DEGRADED);
    reportDrift(made, "a", follower.generation, 1n);
    const before = listReplicas(made);
    made.restart();
    expect(listReplicas(made)).toEqual(before.map((one) => ({ ...one, leaseRemainingMs: 0n })));
  });
});

describe("ReportDrift", () => {
  it("is an event, told by ListReplicas, and done when it comes again [REP-100]", () => {
    const made = world();
    const generation = register(made, "a");
    reportDrift(made, "a", generation, 1n);
    expect(made.events.at(-1)?.body).toMatchObject({
      case: "driftReported",
      value: { replica: "a", generation, reportNumber: 1n, report: { extra: 1n } },
    });
    const { revision } = made.state;
    reportDrift(made, "a", generation, 1n);
    expect(made.state.revision).toBe(revision);
    reportDrift(made, "a", generation, 2n);
    reportDrift(made, "a", generation, 1n);
    expect(made.state.revision).toBe(revision + 1n);
    expect(listReplicas(made)[0]?.lastDrift?.findings).toMatchObject([{ key: bytes("key 2") }]);
  });

  it("of another generation is refused [REP-1, REP-4]", () => {
    const made = world();
    const generation = register(made, "a");
    expect(() => reportDrift(made, "a", generation - 1n, 1n)).toThrow(
      refusal(ErrorReason.REPLICA_SUPERSEDED),
    );
    // Given by a history that was lost, as when a backup was restored.
    expect(() => reportDrift(made, "a", generation + 1n, 1n)).toThrow(
      refusal(ErrorReason.REPLICA_UNKNOWN),
    );
    expect(() => reportDrift(made, "b", generation, 1n)).toThrow(
      refusal(ErrorReason.REPLICA_UNKNOWN),
    );
    expect(datasetIn(made).replicas.size).toBe(1);
  });
});
