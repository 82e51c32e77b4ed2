import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  append,
  bytes,
  createDataset,
  datasetIn,
  del,
  put,
  register,
  updateDataset,
} from "../testing-support/dataset/dataset-client.ts";
import { stored, World } from "../testing-support/world.ts";
import { rowsOf } from "./rows-of.ts";

describe("What an event writes into the tables", () => {
  it("is each change with its row and its idempotency key, and the log hash at the end of the batch [DATA-22, DATA-23]", () => {
    const world = new World();
    createDataset(world);
    append(world, [put("a", "1", { idempotencyKey: "k" }), del("a"), del("nobody")]);
    const { id: datasetId, head } = datasetIn(world);
    const [event] = world.events.slice(-1);
    const writes = rowsOf(stored(event as (typeof world.events)[number]));
    const timestampMs = BigInt(world.now.unixMs);
    const sha256 = (...parts: Uint8Array[]) =>
      Uint8Array.from(createHash("sha256").update(Buffer.concat(parts)).digest());
    const { hasher } = datasetIn(world);
    const [op, schemaVersion] = [Uint8Array.of(1), Uint8Array.of(0, 0, 0, 1)];
    const keyHash = hasher.keyHash(bytes("a"));
    const payloadHash = sha256(op, schemaVersion, keyHash, sha256(bytes("1")));
    expect(writes).toMatchObject([
      { kind: "change", datasetId, change: { seq: 1n }, logHash: undefined },
      { kind: "put", datasetId, row: { key: bytes("a"), value: bytes("1"), seq: 1n } },
      {
        kind: "record",
        datasetId,
        idempotencyKey: "k",
        record: { seq: 1n, payloadHash },
        timestampMs,
      },
      { kind: "change", datasetId, change: { seq: 2n }, logHash: undefined },
      { kind: "delete", datasetId, key: bytes("a") },
      { kind: "change", datasetId, change: { seq: 3n }, logHash: head.logHash },
    ]);
  });

  it("of a policy is its entry of the log alone, and of a checkpoint that and when it was made [DATA-6, REP-61]", () => {
    const world = new World();
    createDataset(world);
    updateDataset(world, { minInSync: 1 });
    const { head } = datasetIn(world);
    const writes = () => world.events.slice(-1).flatMap(rowsOf);
    expect(writes()).toMatchObject([
      { kind: "change", change: { seq: 1n }, logHash: head.logHash },
    ]);
    world.advance(60_000);
    const decidedAtMs = BigInt(world.now.unixMs);
    expect(writes()).toMatchObject([
      { kind: "checkpoint", checkpoint: { seq: 1n, logHash: head.logHash }, decidedAtMs },
    ]);
    register(world, "r");
    expect(writes()).toEqual([]);
  });
});
