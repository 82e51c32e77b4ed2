import { describe, expect, it } from "vitest";
import {
  append,
  createDataset,
  datasetIn,
  del,
  deleteDataset,
  put,
  updateDataset,
} from "../testing-support/dataset/dataset-client.ts";
import { World } from "../testing-support/world.ts";
import { checkpointAtHead } from "./view.ts";

const INTERVAL_MS = 5_000;

function world(policy = {}): World {
  const made = new World();
  createDataset(made, policy);
  return made;
}

/** The seqs of all checkpoints so far. */
function checkpoints(made: World): bigint[] {
  return made.tables.of(datasetIn(made).id).checkpoints.map(({ seq }) => seq);
}

describe("A checkpoint", () => {
  it("is made so long after the first change since the last one [REP-60]", () => {
    const made = world();
    made.advance(60_000);
    append(made, [put("a", "1")]);
    made.advance(INTERVAL_MS - 1);
    append(made, [put("b", "1")]);
    expect(checkpoints(made)).toEqual([]);
    made.advance(1);
    expect(checkpoints(made)).toEqual([2n]);
    made.advance(10 * INTERVAL_MS);
    expect(checkpoints(made)).toEqual([2n]);
    append(made, [put("c", "1")]);
    made.advance(INTERVAL_MS);
    expect(checkpoints(made)).toEqual([2n, 3n]);
  });

  it("is made after so many changes, and once for a seq [REP-60]", () => {
    const made = world({ checkpointChanges: 2 });
    append(made, [put("a", "1")]);
    made.tick();
    expect(checkpoints(made)).toEqual([]);
    append(made, [put("b", "1"), put("c", "1")]);
    made.tick();
    made.tick();
    expect(checkpoints(made)).toEqual([3n]);
    append(made, [put("d", "1")]);
    made.advance(INTERVAL_MS - 1);
    expect(checkpoints(made)).toEqual([3n]);
    made.advance(1);
    expect(checkpoints(made)).toEqual([3n, 4n]);
    made.advance(INTERVAL_MS);
    expect(checkpoints(made)).toEqual([3n, 4n]);
  });

  it("tells log hash, count and root at exactly its seq [REP-61]", () => {
    const made = world();
    append(made, [put("a", "1"), put("b", "1"), del("b")]);
    const expected = checkpointAtHead(datasetIn(made));
    made.advance(INTERVAL_MS);
    expect(expected).toMatchObject({ seq: 3n, count: 1n });
    expect(made.tables.of(datasetIn(made).id).checkpoints).toEqual([expected]);
    expect(datasetIn(made).checkpoint).toEqual(expected);
    expect(made.events.at(-1)?.body).toMatchObject({
      case: "datasetCheckpointed",
      value: { dataset: "ds", checkpoint: expected },
    });
  });

  it("counts a change of the policy like any other, and follows it [REP-60]", () => {
    const made = world();
    updateDataset(made, { checkpointIntervalMs: 100n });
    made.advance(99);
    expect(checkpoints(made)).toEqual([]);
    made.advance(1);
    expect(checkpoints(made)).toEqual([1n]);
    append(made, [put("a", "1")]);
    updateDataset(made, { checkpointIntervalMs: 10_000n });
    made.advance(9_999);
    expect(checkpoints(made)).toEqual([1n]);
    made.advance(1);
    expect(checkpoints(made)).toEqual([1n, 3n]);
  });

  it("that was due is made after a restart, and one that was made is not [REP-60]", () => {
    const made = world();
    append(made, [put("a", "1")]);
    made.restart();
    made.advance(INTERVAL_MS);
    expect(checkpoints(made)).toEqual([1n]);
    made.restart();
    made.advance(INTERVAL_MS);
    expect(checkpoints(made)).toEqual([1n]);
  });

  it("leaves few reminders behind, however many are made", () => {
    const made = world({ checkpointChanges: 2, checkpointIntervalMs: 3_600_000n });
    made.checked = false;
    for (let i = 0; i < 5_000; i++) {
      append(made, [put("a", `${i}`)]);
      made.tick();
    }
    expect(checkpoints(made)).toHaveLength(2_500);
    expect(made.state.due.size).toBeLessThan(1_100);
  });

  it("of a dataset that is gone is not made", () => {
    const made = world();
    append(made, [put("a", "1")]);
    deleteDataset(made, datasetIn(made).id);
    expect(made.advance(INTERVAL_MS)).toEqual([]);
  });
});
