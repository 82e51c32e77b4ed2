import { ErrorReason, ReplicationMode } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { open } from "../../testing-support/client.ts";
import {
  append,
  bytes,
  createDataset,
  datasetIn,
  del,
  put,
} from "../../testing-support/dataset/dataset-client.ts";
import { refusal } from "../../testing-support/dataset/refusal.ts";
import { World } from "../../testing-support/world.ts";
import { positionMessage } from "../position.ts";

function world(): World {
  const made = new World();
  createDataset(made);
  return made;
}

/** The dataset of which keys up to a seq are not remembered any more. */
function dropped(made: World, upTo: bigint): void {
  const dataset = datasetIn(made);
  const floor = positionMessage(dataset.head);
  made.reply({
    kind: "trimLog",
    datasetId: dataset.id,
    unwanted: { floor, droppedSeq: upTo },
  });
  made.tables.trim(dataset.id, dataset.floor.seq, dataset.droppedSeq);
}

describe("A change that comes again", () => {
  it("is not appended again, and answered with its seq; the others go on [DATA-40]", () => {
    const made = world();
    append(made, [
      put("a", "1", { idempotencyKey: "k1" }),
      put("b", "1", { idempotencyKey: "k2" }),
    ]);
    const again = append(made, [
      put("c", "1", { idempotencyKey: "k3" }),
      put("b", "1", { idempotencyKey: "k2" }),
      put("a", "1"),
    ]);
    expect(again.changes).toMatchObject([
      { seq: 3n, duplicate: false },
      { seq: 2n, duplicate: true },
      { seq: 4n, duplicate: false },
    ]);
    expect(again).toMatchObject({ lastSeq: 4n, headSeq: 4n });
  });

  it("alone makes no event, and meets no other check [DATA-32]", () => {
    const made = world();
    const fencing = { fenceKey: "lock", fenceRequired: true, maxBytes: 3n, minInSync: 2 };
    const { datasetId } = createDataset(made, fencing, "fenced");
    expect(datasetId).toBeGreaterThan(0n);
    const client = open(made);
    const held = client.lock("lock");
    const change = put("a", "12", { idempotencyKey: "k", expectedKeySeq: 0n });
    const more = {
      dataset: "fenced",
      fence: { key: "lock", token: held.token },
      expectedHeadSeq: 0n,
    };
    append(made, [change], more);
    client.release(held);
    made.storageLow = true;
    const { revision } = made.state;
    const again = append(made, [change], more);
    expect(again).toMatchObject({ changes: [{ seq: 1n, duplicate: true }], lastSeq: 1n });
    expect(made.state.revision).toBe(revision);
  });

  it("with anything else in it refuses the whole batch [DATA-41]", () => {
    const made = world();
    append(made, [put("a", "1", { idempotencyKey: "k" })]);
    const conflict = refusal(ErrorReason.IDEMPOTENCY_CONFLICT, {
      index: "1",
      idempotency_key: "k",
      seq: "1",
    });
    for (const other of [
      put("a", "2", { idempotencyKey: "k" }),
      put("b", "1", { idempotencyKey: "k" }),
      put("a", "1", { idempotencyKey: "k", schemaVersion: 2 }),
      del("a", { idempotencyKey: "k" }),
    ])
      expect(() => append(made, [put("new", "1"), other])).toThrow(conflict);
    expect(datasetIn(made).head.seq).toBe(1n);
    // An empty value is another than none at all.
    append(made, [put("e", "", { idempotencyKey: "e" })]);
    expect(() => append(made, [del("e", { idempotencyKey: "e" })])).toThrow(
      refusal(ErrorReason.IDEMPOTENCY_CONFLICT),
    );
  });

  it("is recognised by its content, not by when or by whom it was sent [DATA-40]", () => {
    const made = world();
    append(made, [put("a", "1", { idempotencyKey: "k" })], { origin: "x", correlationId: "1" });
    made.pass(5);
    const change = { ...put("a", "1", { idempotencyKey: "k" }), value: bytes("1") };
    expect(append(made, [change], { origin: "y" }).changes).toMatchObject([{ duplicate: true }]);
  });

  it("is recognised after a restart [DATA-42]", () => {
    const made = world();
    append(made, [put("a", "1", { idempotencyKey: "k" })]);
    made.restart();
    expect(append(made, [put("a", "1", { idempotencyKey: "k" })]).changes).toMatchObject([
      { seq: 1n, duplicate: true },
    ]);
  });
});

describe("A change whose key is not remembered", () => {
  const change = put("z", "1", { idempotencyKey: "forgotten" });
  const batch = [put("y", "1"), change];

  function forgetful(): World {
    const made = world();
    append(made, [change, put("a", "2"), put("a", "3")]);
    dropped(made, 2n);
    return made;
  }

  it("is refused when it may have been dropped since [DATA-43]", () => {
    const made = forgetful();
    const expired = refusal(ErrorReason.IDEMPOTENCY_EXPIRED, {
      dropped_seq: "2",
      index: "1",
      idempotency_key: "forgotten",
    });
    for (const sinceSeq of [0n, 1n])
      expect(() => append(made, batch, { sinceSeq })).toThrow(expired);
    expect(append(made, batch, { sinceSeq: 2n }).lastSeq).toBe(5n);
  });

  it("is refused when the writer knows a head that the log has not [DATA-44]", () => {
    const made = forgetful();
    const diverged = refusal(ErrorReason.LOG_DIVERGED, { head_seq: "3" });
    expect(() => append(made, batch, { sinceSeq: 4n })).toThrow(diverged);
    expect(append(made, batch, { sinceSeq: 3n }).lastSeq).toBe(5n);
  });

  it("is appended when nothing was said of what the writer knew [DATA-45]", () => {
    expect(append(forgetful(), batch).changes).toMatchObject([{ seq: 4n }, { seq: 5n }]);
  });

  it("without a key is appended whatever the writer knew [DATA-43]", () => {
    const made = forgetful();
    const more = { sinceSeq: 0n, durability: { mode: ReplicationMode.LOCAL } };
    expect(append(made, [put("y", "1")], more).lastSeq).toBe(4n);
  });

  it("does not refuse those that are [DATA-43]", () => {
    const made = forgetful();
    append(made, [put("b", "1", { idempotencyKey: "known" })]);
    const again = append(made, [put("b", "1", { idempotencyKey: "known" })], { sinceSeq: 0n });
    expect(again.changes).toMatchObject([{ seq: 4n, duplicate: true }]);
  });
});
