import { ChangeOp, ErrorReason, ReplicationMode } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { open } from "../../testing-support/client.ts";
import {
  append,
  bytes,
  createDataset,
  datasetIn,
  del,
  put,
  quorum,
} from "../../testing-support/dataset/dataset-client.ts";
import { refusal } from "../../testing-support/dataset/refusal.ts";
import { hex, type Table } from "../../testing-support/dataset/tables.ts";
import { World } from "../../testing-support/world.ts";

function world(): World {
  const made = new World();
  createDataset(made);
  return made;
}

function table(made: World): Table {
  return made.tables.of(datasetIn(made).id);
}

function rows(made: World): Record<string, string> {
  const all = [...table(made).rows.values()];
  const text = (some: Uint8Array) => Buffer.from(some).toString();
  return Object.fromEntries(all.map(({ key, value }) => [text(key), text(value)]));
}

describe("A batch", () => {
  it("gets dense numbers from 1 on, and is one event [DATA-20, DATA-22]", () => {
    const made = world();
    const before = made.state.revision;
    const first = append(made, [put("a", "1"), put("b", "2")]);
    expect(first.changes.map(({ seq }) => seq)).toEqual([1n, 2n]);
    expect(first).toMatchObject({ lastSeq: 2n, headSeq: 2n, appliedBy: [] });
    expect(made.state.revision).toBe(before + 1n);
    expect(append(made, [put("c", "3")]).changes[0]?.seq).toBe(3n);
    expect(made.events.at(-2)?.body).toMatchObject({
      case: "appended",
      value: { firstSeq: 1n, lastSeq: 2n },
    });
  });

  it("changes the rows of its keys, in its order [DATA-23]", () => {
    const made = world();
    append(made, [put("a", "1"), put("b", "1"), put("c", "1")]);
    append(made, [put("a", "2"), del("b"), del("nobody"), put("c", "2"), del("c"), put("b", "3")]);
    expect(rows(made)).toEqual({ a: "2", b: "3" });
    expect(datasetIn(made)).toMatchObject({ bytes: 4n });
    expect(datasetIn(made).digest.count).toBe(2);
    expect(datasetIn(made).head.seq).toBe(9n);
  });

  it("of a delete of what is not there changes the log alone [DATA-23]", () => {
    const made = world();
    append(made, [put("a", "1")]);
    const root = hex(datasetIn(made).digest.root());
    const { logHash } = datasetIn(made).head;
    append(made, [del("nobody")]);
    expect(hex(datasetIn(made).digest.root())).toBe(root);
    expect(hex(datasetIn(made).head.logHash)).not.toBe(hex(logHash));
    expect(table(made).changes.at(-1)).toMatchObject({ seq: 2n, op: ChangeOp.DELETE });
  });

  it("tells of each change when, by whom and under which names it came [DATA-24]", () => {
    const made = world();
    append(made, [put("a", "1", { schemaVersion: 7, idempotencyKey: "k" })], {
      origin: "svc",
      correlationId: "c1",
    });
    append(made, [put("a", "1")]);
    const timestampMs = BigInt(made.now.unixMs);
    expect(table(made).changes).toMatchObject([
      { timestampMs, origin: "svc", idempotencyKey: "k", schemaVersion: 7, correlationId: "c1" },
      { timestampMs, origin: "writer", idempotencyKey: "", schemaVersion: 1, correlationId: "" },
    ]);
    expect(made.events.at(-2)).toMatchObject({ actor: "writer", correlationId: "c1" });
  });

  it("is handed on byte by byte [DATA-21]", () => {
    const made = world();
    const key = Uint8Array.of(0xff, 0);
    const value = Uint8Array.of(0, 0xc3, 0x28);
    append(made, [{ op: ChangeOp.PUT, key, value, schemaVersion: 7 }]);
    expect(table(made).changes[0]).toMatchObject({ key, value });
    expect([...table(made).rows.values()]).toMatchObject([{ key, value, schemaVersion: 7 }]);
  });

  it("for a dataset that does not exist is refused [DATA-10]", () => {
    expect(() => append(new World(), [put("a", "1")])).toThrow(
      refusal(ErrorReason.DATASET_UNKNOWN),
    );
  });

  it("that is too large is refused [DATA-25]", () => {
    const made = new World({ limits: { max_append_changes: 2, max_append_bytes: 10 } });
    createDataset(made);
    const many = [put("a", "1"), put("b", "1"), put("c", "1")];
    const tooMany = refusal(ErrorReason.LIMIT_EXCEEDED, { limit: "max_append_changes", max: "2" });
    expect(() => append(made, many)).toThrow(tooMany);
    const tooLarge = refusal(ErrorReason.LIMIT_EXCEEDED, { limit: "max_append_bytes", max: "10" });
    expect(() => append(made, [put("a", "123456789"), put("b", "")])).toThrow(tooLarge);
    append(made, [put("a", "12345678"), put("b", "")]);
  });

  it("meets what was decided before it, durable or not [DATA-37]", () => {
    const made = world();
    made.commitsAtOnce = false;
    append(made, [put("a", "1")], { expectedHeadSeq: 0n });
    expect(() => append(made, [put("a", "2")], { expectedHeadSeq: 0n })).toThrow(
      refusal(ErrorReason.HEAD_MISMATCH, { head_seq: "1" }),
    );
    append(made, [put("a", "2")], { expectedHeadSeq: 1n });
  });
});

/** A world in which one append can fail in every way, and what it needs to fail in fewer and fewer. */
function failures(): { made: World; refusals: [object, ErrorReason][] } {
  const made = new World();
  createDataset(made, {
    fenceKey: "lock",
    fenceRequired: true,
    maxBytes: 5n,
    minInSync: 1,
  });
  const holder = open(made);
  const { token } = holder.lock("lock");
  const fence = { key: "lock", token };
  append(made, [put("a", "1", { idempotencyKey: "taken" })], { fence });
  made.storageLow = true;
  return {
    made,
    refusals: [
      [{}, ErrorReason.IDEMPOTENCY_CONFLICT],
      [{ key: "new" }, ErrorReason.LOG_DIVERGED],
      [{ sinceSeq: 1n }, ErrorReason.FENCE_REQUIRED],
      [{ fence: { key: "lock", token: token + 1n } }, ErrorReason.FENCED],
      [{ fence }, ErrorReason.HEAD_MISMATCH],
      [{ expectedHeadSeq: 1n }, ErrorReason.KEY_MISMATCH],
      [{ expectedKeySeq: 1n }, ErrorReason.DATASET_FULL],
      [{ value: "22" }, ErrorReason.STORAGE_LOW],
    ],
  };
}

describe("The checks of an append", () => {
  it("are made in their order, and each refuses everything [DATA-30, DATA-31]", () => {
    const { made, refusals } = failures();
    const { revision } = made.state;
    let wrong: Record<string, unknown> = {
      key: "taken",
      value: "23456",
      sinceSeq: 2n,
      expectedHeadSeq: 0n,
      expectedKeySeq: 0n,
    };
    const attempt = () => {
      const { key, value, expectedKeySeq, ...more } = wrong;
      const change = { idempotencyKey: key as string, expectedKeySeq: expectedKeySeq as bigint };
      append(made, [put("a", value as string, change)], { durability: quorum(1), ...more });
    };
    for (const [right, reason] of refusals) {
      wrong = { ...wrong, ...right };
      expect(attempt, ErrorReason[reason]).toThrow(refusal(reason));
    }
    made.storageLow = false;
    expect(attempt).toThrow(refusal(ErrorReason.NOT_ENOUGH_IN_SYNC, { in_sync: "0", needed: "1" }));
    expect(made.state.revision).toBe(revision);
    wrong = { ...wrong, durability: { mode: ReplicationMode.LOCAL } };
    attempt();
    expect(rows(made)).toEqual({ a: "22" });
  });

  it("put the size first [DATA-31]", () => {
    const made = new World({ limits: { max_append_bytes: 4 } });
    createDataset(made, { fenceKey: "lock", fenceRequired: true });
    expect(() => append(made, [{ ...put("a", "1"), value: bytes("12345") }])).toThrow(
      refusal(ErrorReason.LIMIT_EXCEEDED),
    );
  });
});
