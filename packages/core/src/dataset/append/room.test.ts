import { ErrorReason } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  append,
  createDataset,
  datasetIn,
  del,
  put,
  updateDataset,
} from "../../testing-support/dataset/dataset-client.ts";
import { refusal } from "../../testing-support/dataset/refusal.ts";
import { World } from "../../testing-support/world.ts";

describe("A full dataset", () => {
  it("refuses what would let its rows grow beyond the bound, and accepts all else [DATA-35]", () => {
    const made = new World();
    createDataset(made, { maxBytes: 4n });
    append(made, [put("a", "1"), put("b", "1")]);
    const full = refusal(ErrorReason.DATASET_FULL, { max_bytes: "4", bytes: "4" });
    expect(() => append(made, [put("c", "")])).toThrow(full);
    expect(() => append(made, [put("a", "12")])).toThrow(full);
    append(made, [put("a", "2")]);
    append(made, [del("b"), put("c", "1")]);
    expect(datasetIn(made).bytes).toBe(4n);
  });

  it("whose bound was lowered can be made smaller, also step by step [DATA-35]", () => {
    const made = new World();
    createDataset(made);
    append(made, [put("a", "12345"), put("b", "12345")]);
    updateDataset(made, { maxBytes: 4n });
    append(made, [put("a", "1234")]);
    append(made, [put("b", "12345")]);
    expect(() => append(made, [put("a", "12345")])).toThrow(refusal(ErrorReason.DATASET_FULL));
    append(made, [del("a"), del("b")]);
    expect(datasetIn(made).bytes).toBe(0n);
  });
});

describe("Storage that is nearly full", () => {
  it("refuses every append of something new, deletes too [DATA-36]", () => {
    const made = new World();
    createDataset(made);
    append(made, [put("a", "1", { idempotencyKey: "k" })]);
    made.storageLow = true;
    for (const change of [put("b", "1"), del("a")])
      expect(() => append(made, [change])).toThrow(refusal(ErrorReason.STORAGE_LOW));
    append(made, [put("a", "1", { idempotencyKey: "k" })]);
  });
});
