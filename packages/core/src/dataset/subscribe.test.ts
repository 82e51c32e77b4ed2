import { ErrorReason } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  append,
  createDataset,
  datasetIn,
  put,
  register,
  subscribe,
  updateDataset,
} from "../testing-support/dataset/dataset-client.ts";
import { refusal } from "../testing-support/dataset/refusal.ts";
import { World } from "../testing-support/world.ts";
import { type Position, positionMessage } from "./position.ts";

/** Batches end at 2, 3 and 5. `ends` are those positions, and the beginning. */
function world(): { made: World; ends: Position[] } {
  const made = new World();
  createDataset(made);
  const ends = [datasetIn(made).head];
  for (const batch of [["a", "b"], ["c"], ["d", "e"]]) {
    append(
      made,
      batch.map((key) => put(key, "1")),
    );
    ends.push(datasetIn(made).head);
  }
  return { made, ends };
}

function cursor(seq: bigint, logHash: Uint8Array) {
  const value = { $typeName: "lockstep.v1.LogPosition", seq, logHash } as const;
  return { start: { case: "cursor", value } as const };
}

function trimTo(made: World, floor: Position): void {
  const { id } = datasetIn(made);
  const unwanted = { floor: positionMessage(floor), droppedSeq: 0n };
  made.reply({ kind: "trimLog", datasetId: id, unwanted });
  made.tables.trim(id, floor.seq, 0n);
}

const NO_HASH = new Uint8Array();

describe("A subscription", () => {
  it("is told everything about the log at once [REP-30]", () => {
    const { made, ends } = world();
    updateDataset(made, { minInSync: 2 });
    const generation = register(made, "r");
    const { seq, logHash } = ends[2] as Position;
    const started = subscribe(made, {
      replica: "r",
      generation,
      windowBytes: 1_000n,
      ...cursor(seq, logHash),
    });
    const { id, salt, createdEpoch, head, floor } = datasetIn(made);
    expect(started).toMatchObject({ datasetId: id, salt, createdEpoch, low: { seq, logHash } });
    expect(started).toMatchObject({ head, floor, snapshotId: 0n, windowBytes: 1_000n });
    expect(started.policy?.minInSync).toBe(2);
    expect(subscribe(made)).toMatchObject({ low: head, windowBytes: 0n });
  });

  it("has a number of its own, and its replica the newest [REP-13, REP-41]", () => {
    const { made } = world();
    const generation = register(made, "r");
    const one = subscribe(made, { replica: "r", generation }).subscriptionId;
    const two = subscribe(made, { replica: "r", generation }).subscriptionId;
    expect(one).toBeGreaterThan(0n);
    expect(two).toBeGreaterThan(one);
    expect(datasetIn(made).replicas.get("r")?.subscriptionId).toBe(two);
  });

  it("has at most the window that the limits allow [REP-38]", () => {
    const { made } = world();
    const generation = register(made, "r");
    const max = BigInt(made.state.limits.max_subscription_window_bytes);
    for (const windowBytes of [0n, max + 1n])
      expect(subscribe(made, { replica: "r", generation, windowBytes }).windowBytes).toBe(max);
  });

  it("of nobody, or of an earlier generation, is refused [REP-1, REP-4]", () => {
    const { made } = world();
    const generation = register(made, "r");
    register(made, "r");
    expect(() => subscribe(made, { replica: "r", generation })).toThrow(
      refusal(ErrorReason.REPLICA_SUPERSEDED),
    );
    expect(() => subscribe(made, { replica: "s", generation })).toThrow(
      refusal(ErrorReason.REPLICA_UNKNOWN),
    );
  });
});

describe("A cursor", () => {
  it("is accepted at every end of a batch, with the log hash there [REP-31]", () => {
    const { made, ends } = world();
    for (const { seq, logHash } of ends)
      expect(subscribe(made, cursor(seq, logHash)).low).toMatchObject({ seq, logHash });
  });

  it("is refused when the log there is another, or not there yet [REP-31]", () => {
    const { made, ends } = world();
    const diverged = refusal(ErrorReason.LOG_DIVERGED, { head_seq: "5" });
    const [start, , at3, at5] = ends as [Position, Position, Position, Position];
    for (const [seq, logHash] of [
      [6n, at5.logHash],
      [5n, at3.logHash],
      [3n, at5.logHash],
      [0n, at3.logHash],
      [3n, new Uint8Array(32)],
      // Not at the end of a batch.
      [4n, at3.logHash],
      [1n, start.logHash],
    ] as const)
      expect(() => subscribe(made, cursor(seq, logHash)), `${seq}`).toThrow(diverged);
  });

  it("below the floor is refused, telling the floor [REP-32]", () => {
    const { made, ends } = world();
    const [, at2, at3] = ends as [Position, Position, Position];
    trimTo(made, at3);
    const compacted = refusal(ErrorReason.COMPACTED, { floor: "3" });
    expect(() => subscribe(made, cursor(at2.seq, at2.logHash))).toThrow(compacted);
    expect(() => subscribe(made, cursor(0n, NO_HASH))).toThrow(compacted);
    expect(subscribe(made, cursor(3n, at3.logHash))).toMatchObject({ low: at3, floor: at3 });
    expect(() => subscribe(made, cursor(3n, at2.logHash))).toThrow(
      refusal(ErrorReason.LOG_DIVERGED),
    );
  });

  it("without a log hash begins with the batch in which the next change lies, for a reader [REP-45]", () => {
    const { made, ends } = world();
    const [start, at2, at3, at5] = ends;
    for (const [seq, low] of [
      [0n, start],
      [1n, start],
      [2n, at2],
      [3n, at3],
      [4n, at3],
      [5n, at5],
    ] as const)
      expect(subscribe(made, cursor(seq, NO_HASH)).low).toMatchObject(low as Position);
    const generation = register(made, "r");
    expect(() => subscribe(made, { replica: "r", generation, ...cursor(3n, NO_HASH) })).toThrow(
      refusal(ErrorReason.INVALID_FIELD, { field: "cursor.log_hash" }),
    );
  });

  it("without a log hash begins at the floor when its batch is that, for a reader [REP-45]", () => {
    const { made, ends } = world();
    const [, , at3] = ends;
    trimTo(made, at3 as Position);
    expect(subscribe(made, cursor(4n, NO_HASH)).low).toMatchObject(at3 as Position);
  });
});
