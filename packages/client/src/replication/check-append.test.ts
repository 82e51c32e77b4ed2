import { create } from "@bufbuild/protobuf";
import { AppendRequestSchema, ChangeOp } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { checkAppend } from "./check-append.ts";

const change = { op: ChangeOp.PUT, key: Uint8Array.of(1), value: Uint8Array.of(2) };
const append = (fields: object, ofChange: object = {}) =>
  create(AppendRequestSchema, {
    dataset: "d",
    changes: [{ ...change, ...ofChange }],
    ...fields,
  } as never);

test.each([
  ["nothing else", {}, {}],
  [
    "all that it may have",
    { fence: { key: "k", token: 1n }, sinceSeq: 0n },
    { expectedKeySeq: 0n },
  ],
  ["the highest numbers", { replicationTimeoutMs: 2n ** 63n - 1n }, { schemaVersion: 2 ** 32 - 1 }],
])("an append with %s is accepted", (_, fields, ofChange) => {
  expect(() => checkAppend(append(fields, ofChange))).not.toThrow();
});

test.each([
  ["changes[0].value", {}, { value: "text" }, TypeError],
  ["changes[0].key", {}, { key: new ArrayBuffer(3) }, TypeError],
  ["changes[0].idempotencyKey", {}, { idempotencyKey: 5 }, TypeError],
  ["changes[0].schemaVersion", {}, { schemaVersion: -1 }, RangeError],
  ["changes[0].schemaVersion", {}, { schemaVersion: 1.5 }, RangeError],
  ["changes[0].schemaVersion", {}, { schemaVersion: Number.NaN }, RangeError],
  ["changes[0].schemaVersion", {}, { schemaVersion: 2 ** 32 + 5 }, RangeError],
  ["replicationTimeoutMs", { replicationTimeoutMs: 5 }, {}, TypeError],
  ["replicationTimeoutMs", { replicationTimeoutMs: 2n ** 63n }, {}, RangeError],
  ["origin", { origin: 7 }, {}, TypeError],
  ["token", { fence: { key: "k", token: -1n } }, {}, Error],
  ["expected_key_seq", {}, { expectedKeySeq: -1n }, Error],
])("a wrong %s is named", (name, fields, ofChange, kind) => {
  const check = () => checkAppend(append(fields, ofChange));
  expect(check).toThrow(kind);
  expect(check).toThrow(name);
});
