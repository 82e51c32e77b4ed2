import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  LockTargetSchema,
  OnLossSchema,
  ReleaseAskedSchema,
  SnapshotRecordSchema,
  type StoredHold,
  StoredHoldSchema,
} from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readPlainHold, writePlainHold } from "./hold-wire.ts";

type Init = MessageInitShape<typeof StoredHoldSchema>;

const RUNS = 500;

const id = fc.bigInt(0n, 2n ** 63n - 1n);
const text = fc.string({ unit: "binary", maxLength: 20 });
const number = fc.nat(2 ** 31 - 1);
const ms = fc.bigInt(0n, 2n ** 53n);

const targets = fc
  .array(fc.record({ key: text, mode: fc.nat(4), permits: number }), { maxLength: 3 })
  .map((all) => all.map((one) => create(LockTargetSchema, one)));

const plain = fc
  .record({
    holdId: id,
    token: id,
    sessionId: id,
    requestIds: fc.array(id, { maxLength: 3 }),
    owner: text,
    targets,
    count: number,
    maxHoldMs: ms,
    onLoss: fc.option(
      fc.record({ action: fc.nat(3), delayMs: ms }).map((one) => create(OnLossSchema, one)),
      { nil: undefined },
    ),
    grantedAtMs: ms,
    correlationId: text,
  })
  .map((fields) => create(StoredHoldSchema, fields as Init));

/** What a hold may say beside that. */
const MORE: readonly Init[] = [
  { earlierTokens: [1n] },
  { value: new Uint8Array([1]) },
  { metadata: { pod: "7" } },
  { releaseAsked: create(ReleaseAskedSchema) },
  { end: 1 },
  { servedFromMs: 0n },
];

/** A record as its schema has it, behind its length. */
function bySchema(value: StoredHold): Uint8Array {
  const record = create(SnapshotRecordSchema, { body: { case: "hold", value } });
  return new BinaryWriter().bytes(toBinary(SnapshotRecordSchema, record)).finish();
}

/** Reads the record in these bytes, which begin with its length. */
function read(bytes: Uint8Array): StoredHold | undefined {
  const reader = new BinaryReader(bytes);
  reader.uint32();
  return readPlainHold(reader, bytes.length);
}

describe("A plain hold", () => {
  it("is written and read as its schema says", () => {
    fc.assert(
      fc.property(plain, (hold) => {
        const writer = new BinaryWriter();
        expect(writePlainHold(writer, hold)).toBe(true);
        const bytes = writer.finish();
        expect(bytes).toEqual(bySchema(hold));
        expect(read(bytes)).toEqual(hold);
      }),
      { numRuns: RUNS },
    );
  });

  it.each(MORE)("says no more than that: %o", (more) => {
    const hold = create(StoredHoldSchema, { holdId: 7n, ...more } as Init);
    const writer = new BinaryWriter();
    expect(writePlainHold(writer, hold)).toBe(false);
    expect(writer.finish()).toHaveLength(0);
    expect(read(bySchema(hold))).toBeUndefined();
  });

  it("is not read where a field is new, or cut off", () => {
    const hold = create(StoredHoldSchema, { holdId: 7n, token: 2n ** 40n });
    const bytes = bySchema(hold);
    const unknown = fromBinary(StoredHoldSchema, new Uint8Array([8, 7, 0xf8, 1, 1]));
    expect(read(bySchema(unknown))).toBeUndefined();
    expect(read(bytes.subarray(0, -1))).toBeUndefined();
  });
});
