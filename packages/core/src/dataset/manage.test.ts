import { fromBinary } from "@bufbuild/protobuf";
import { ChangeOp, DatasetPolicySchema, ErrorReason, ReplicationMode } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  append,
  createDataset,
  datasetIn,
  deleteDataset,
  NAME,
  put,
  updateDataset,
} from "../testing-support/dataset/dataset-client.ts";
import { refusal } from "../testing-support/dataset/refusal.ts";
import { hex } from "../testing-support/dataset/tables.ts";
import { World } from "../testing-support/world.ts";

const QUORUM = { defaultDurability: { mode: ReplicationMode.QUORUM, replicas: 2 } };

describe("A dataset that is created", () => {
  it("has the revision of its event as its id, and an empty log that starts at its salt [DATA-2, DATA-3]", () => {
    const world = new World();
    const created = createDataset(world, { minInSync: 2 });
    const event = world.events.at(-1);
    expect(created.datasetId).toBe(event?.revision);
    expect(created).toMatchObject({ headSeq: 0n, floorSeq: 0n, count: 0n, bytes: 0n });
    expect(created).toMatchObject({ policyVersion: 1n, policy: { minInSync: 2 } });
    expect(created.createdEpoch).toBe(world.state.epoch);
    expect(event?.journalOnly?.salt).toEqual(datasetIn(world).salt);
    expect(event?.reason).toBe("new");
    expect(event?.actor).toBe("operator");
  });

  it("again with the same policy is answered as done, with another one is refused [DATA-4]", () => {
    const world = new World();
    const first = createDataset(world, QUORUM);
    append(world, [put("a", "1")], { durability: { mode: ReplicationMode.LOCAL } });
    const { revision } = world.state;
    expect(createDataset(world, QUORUM)).toMatchObject({ datasetId: first.datasetId, headSeq: 1n });
    expect(world.state.revision).toBe(revision);
    expect(() => createDataset(world)).toThrow(refusal(ErrorReason.DATASET_EXISTS));
    expect(() => createDataset(world, { ...QUORUM, minInSync: 1 })).toThrow(
      refusal(ErrorReason.DATASET_EXISTS),
    );
  });

  it("has another id and another log than the one of its name before [DATA-2, DATA-3]", () => {
    const world = new World();
    const first = createDataset(world);
    const { head } = datasetIn(world);
    deleteDataset(world, first.datasetId);
    const second = createDataset(world);
    expect(second.datasetId).toBeGreaterThan(first.datasetId);
    expect(hex(datasetIn(world).head.logHash)).not.toBe(hex(head.logHash));
  });

  it("is one of at most `max_datasets` [DATA-11]", () => {
    const world = new World({ limits: { max_datasets: 2 } });
    createDataset(world, {}, "a");
    const { datasetId } = createDataset(world, {}, "b");
    expect(() => createDataset(world, {}, "c")).toThrow(
      refusal(ErrorReason.LIMIT_EXCEEDED, { limit: "max_datasets" }),
    );
    expect(createDataset(world, {}, "b").datasetId).toBe(datasetId);
    deleteDataset(world, datasetId, "b");
    createDataset(world, {}, "c");
  });

  it("is refused while storage is low, unless it is there already [DATA-36]", () => {
    const world = new World();
    createDataset(world, {}, "a");
    world.storageLow = true;
    createDataset(world, {}, "a");
    expect(() => createDataset(world, {}, "b")).toThrow(refusal(ErrorReason.STORAGE_LOW));
  });
});

describe("A policy that is changed", () => {
  it("is an entry of the log with the whole policy as its value, and no row [DATA-6]", () => {
    const world = new World();
    createDataset(world);
    append(world, [put("a", "1")]);
    const before = datasetIn(world);
    const [root, firstHash] = [hex(before.digest.root()), hex(before.head.logHash)];
    const updated = updateDataset(world, { minInSync: 3 });
    expect(updated).toMatchObject({ policyVersion: 2n, headSeq: 2n, count: 1n });
    expect(updated.policy?.minInSync).toBe(3);
    const dataset = datasetIn(world);
    const [, change] = world.tables.of(dataset.id).changes;
    expect(change).toMatchObject({ seq: 2n, op: ChangeOp.CONTROL, origin: "operator" });
    expect(change?.correlationId).toBe("trace");
    expect(Buffer.from(change?.key ?? []).toString()).toBe("policy");
    expect(fromBinary(DatasetPolicySchema, change?.value ?? new Uint8Array()).minInSync).toBe(3);
    expect(hex(dataset.digest.root())).toBe(root);
    expect(hex(dataset.head.logHash)).not.toBe(firstHash);
  });

  it("is refused when somebody else has changed it meanwhile, and answered when it is a repeat [DATA-5]", () => {
    const world = new World();
    createDataset(world);
    updateDataset(world, { minInSync: 1 }, 1n);
    const { revision } = world.state;
    expect(updateDataset(world, { minInSync: 1 }, 1n)).toMatchObject({ policyVersion: 2n });
    expect(world.state.revision).toBe(revision);
    const mismatch = refusal(ErrorReason.VERSION_MISMATCH, { version: "2" });
    expect(() => updateDataset(world, { minInSync: 2 }, 1n)).toThrow(mismatch);
    updateDataset(world, { minInSync: 2 }, 2n);
    // Not at exactly expected + 1 any more.
    expect(() => updateDataset(world, { minInSync: 1 }, 1n)).toThrow(
      refusal(ErrorReason.VERSION_MISMATCH),
    );
  });

  it("binds what is decided after it [DATA-7]", () => {
    const world = new World();
    createDataset(world);
    append(world, [put("a", "1")]);
    updateDataset(world, { maxBytes: 2n });
    expect(() => append(world, [put("b", "1")])).toThrow(refusal(ErrorReason.DATASET_FULL));
    updateDataset(world, {});
    append(world, [put("b", "1")]);
  });
});

describe("A dataset that is deleted", () => {
  it("is gone, with everything that was known of it [DATA-8]", () => {
    const world = new World();
    const { datasetId } = createDataset(world);
    append(world, [put("a", "1", { idempotencyKey: "k" })]);
    deleteDataset(world, datasetId);
    expect(() => append(world, [put("a", "1")])).toThrow(refusal(ErrorReason.DATASET_UNKNOWN));
    createDataset(world);
    expect(append(world, [put("a", "1", { idempotencyKey: "k" })])).toMatchObject({
      lastSeq: 1n,
      changes: [{ duplicate: false }],
    });
  });

  it("is answered as done when there is none, and refused when the name is another's [DATA-9]", () => {
    const world = new World();
    const first = createDataset(world);
    deleteDataset(world, first.datasetId);
    const { revision } = world.state;
    deleteDataset(world, first.datasetId);
    expect(world.state.revision).toBe(revision);
    const second = createDataset(world);
    expect(() => deleteDataset(world, first.datasetId)).toThrow(
      refusal(ErrorReason.VERSION_MISMATCH, { version: String(second.datasetId) }),
    );
    expect(datasetIn(world, NAME).id).toBe(second.datasetId);
  });
});
