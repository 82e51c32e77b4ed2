import { create } from "@bufbuild/protobuf";
import {
  type Checkpoint,
  ErrorReason,
  SnapshotCursorSchema,
  type Started,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  append,
  createDataset,
  datasetIn,
  put,
  register,
  subscribe,
} from "../testing-support/dataset/dataset-client.ts";
import { refusal } from "../testing-support/dataset/refusal.ts";
import { World, type WorldOptions } from "../testing-support/world.ts";
import { positionMessage } from "./position.ts";
import { checkpointAtHead } from "./view.ts";

const LEASE_MS = 60_000;
const COMPACTED = refusal(ErrorReason.COMPACTED);

function world(policy = {}, options: WorldOptions = {}): World {
  const made = new World(options);
  createDataset(made, policy);
  append(made, [put("a", "1")]);
  return made;
}

/** Tries to drop everything: up to where the log goes then. */
function trim(made: World): bigint {
  const { id, head } = datasetIn(made);
  const unwanted = { floor: positionMessage(head), droppedSeq: 0n };
  made.reply({ kind: "trimLog", datasetId: id, unwanted });
  made.tables.trim(id, datasetIn(made).floor.seq, 0n);
  return datasetIn(made).floor.seq;
}

function renew(made: World, { datasetId, snapshotId }: Started): void {
  made.reply({ kind: "renewSnapshot", datasetId, snapshotId });
}

function end(made: World, { datasetId, snapshotId }: Started): Checkpoint | undefined {
  const { part } = made.reply({ kind: "endSnapshot", datasetId, snapshotId });
  return part.case === "snapshotEnd" ? part.value.high : undefined;
}

function resume(made: World, { snapshotId, low }: Started, replica = ""): Started {
  const value = { snapshotId, ...(low ? { low } : {}), afterKey: new Uint8Array([1]) };
  const generation = datasetIn(made).replicas.get(replica)?.generation ?? 0n;
  const cursor = create(SnapshotCursorSchema, value);
  return subscribe(made, { replica, generation, start: { case: "snapshot", value: cursor } });
}

describe("A snapshot that is read", () => {
  it("holds the log behind its low for a lease after each chunk [DATA-72, REP-52]", () => {
    const made = world();
    const started = subscribe(made);
    expect(started).toMatchObject({ low: { seq: 1n }, snapshotId: (1n << 24n) + 1n });
    append(made, [put("b", "1")]);
    made.pass(LEASE_MS);
    expect(trim(made)).toBe(0n);
    renew(made, started);
    made.pass(LEASE_MS);
    expect(trim(made)).toBe(0n);
    made.pass(1);
    expect(trim(made)).toBe(2n);
    expect(() => renew(made, started)).toThrow(COMPACTED);
    expect(() => end(made, started)).toThrow(COMPACTED);
  });

  it("holds it no longer than the policy allows in all, whatever is read or resumed [DATA-72]", () => {
    const made = world({ snapshotHoldMs: 90_000n });
    const started = subscribe(made);
    append(made, [put("b", "1")]);
    made.pass(LEASE_MS);
    renew(made, started);
    made.pass(30_000);
    expect(trim(made)).toBe(0n);
    expect(resume(made, started).snapshotId).toBe(started.snapshotId);
    made.pass(1);
    // As long as nobody has dropped its tail it may be read on.
    renew(made, started);
    expect(trim(made)).toBe(2n);
    expect(() => renew(made, started)).toThrow(COMPACTED);
  });

  it("lets the log go up to its low [DATA-72]", () => {
    const made = world();
    const started = subscribe(made);
    expect(trim(made)).toBe(1n);
    renew(made, started);
  });

  it("ends with the state of the rows at the head, and holds nothing then [REP-54]", () => {
    const made = world();
    const started = subscribe(made);
    append(made, [put("b", "1")]);
    expect(end(made, started)).toEqual(checkpointAtHead(datasetIn(made)));
    expect(trim(made)).toBe(2n);
    expect(() => end(made, started)).toThrow(COMPACTED);
  });

  it("is one for each replica at most, and bounded for readers [REP-42]", () => {
    const made = world({}, { limits: { max_subscriptions: 2 } });
    const generation = register(made, "r");
    for (let i = 0; i < 5; i++) subscribe(made, { replica: "r", generation });
    expect(datasetIn(made).holds.size).toBe(1);
    subscribe(made);
    const full = refusal(ErrorReason.LIMIT_EXCEEDED, { limit: "max_subscriptions" });
    expect(() => subscribe(made)).toThrow(full);
    made.pass(LEASE_MS + 1);
    subscribe(made);
  });
});

describe("A snapshot that was broken off", () => {
  it("is taken up by nobody else, after a restart neither [REP-53]", () => {
    const made = world();
    const [a, b] = ["a", "b"].map((replica) => ({ replica, generation: register(made, replica) }));
    const ofA = subscribe(made, a);
    const ofB = subscribe(made, b);
    expect(resume(made, ofA, "b").snapshotId).not.toBe(ofA.snapshotId);
    made.restart();
    const taken = [resume(made, ofB, "b"), resume(made, ofA, "a")];
    const reader = resume(made, ofA);
    const ids = [ofA, ofB, ...taken, reader].map(({ snapshotId }) => snapshotId);
    expect(new Set(ids).size).toBe(5);
    for (const one of taken) end(made, one);
    renew(made, reader);
  });

  it("goes on under its own number and low [REP-52, REP-53]", () => {
    const made = world();
    const started = subscribe(made);
    append(made, [put("b", "1")]);
    made.pass(LEASE_MS);
    const { snapshotId, low, head } = resume(made, started);
    expect({ snapshotId, low }).toEqual({ snapshotId: started.snapshotId, low: started.low });
    expect(head?.seq).toBe(2n);
    made.pass(LEASE_MS);
    expect(trim(made)).toBe(0n);
  });

  it("goes on after a restart, with the same low and another number [REP-53]", () => {
    const made = world();
    subscribe(made);
    const generation = register(made, "r");
    const started = subscribe(made, { replica: "r", generation });
    append(made, [put("b", "1")]);
    made.restart();
    // Somebody else may have the number by now.
    append(made, [put("c", "1")]);
    subscribe(made);
    subscribe(made);
    const resumed = resume(made, started, "r");
    expect(resumed.low).toEqual(started.low);
    expect(resumed.snapshotId).not.toBe(started.snapshotId);
    expect(trim(made)).toBe(0n);
    renew(made, resumed);
  });

  it("is refused when the log does not reach back to its low any more [REP-53]", () => {
    const made = world();
    const started = subscribe(made);
    append(made, [put("b", "1")]);
    made.pass(LEASE_MS + 1);
    trim(made);
    expect(() => resume(made, started)).toThrow(refusal(ErrorReason.COMPACTED, { floor: "2" }));
  });

  it("is refused when its low is none of this log [REP-53, REP-31]", () => {
    const made = world();
    const started = subscribe(made);
    append(made, [put("b", "1"), put("c", "1")]);
    const diverged = refusal(ErrorReason.LOG_DIVERGED);
    for (const seq of [1n, 2n, 9n]) {
      const low = positionMessage({ seq, logHash: new Uint8Array(32) });
      expect(() => resume(made, { ...started, low })).toThrow(diverged);
    }
  });
});
