import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChangeOp } from "../gen/lockstep/v1/dataset_pb.ts";
import { BatchHasher } from "./batch-hasher.ts";
import { DigestHasher, type HashedChange } from "./hasher.ts";
import { Lanes, MAX_INPUT_BYTES } from "./wasm/lanes.ts";

type AnyChange = HashedChange & { readonly key: Uint8Array; readonly value: Uint8Array };

const DATASET = "orders";
const RUNS = 200;
const scope = {
  salt: Uint8Array.from({ length: 16 }, (_, at) => at),
  dataset: DATASET,
  partition: DATASET,
};
const hasher = new DigestHasher(scope);
const start = hasher.firstLogHash(1n);

// Longer ones than a lane has room for are among them, and texts whose UTF-8 is longer than they are.
const bytes = fc.uint8Array({ maxLength: 1_000, size: "max" });
const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 200, size: "max" }),
);
const u64 = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const changes: fc.Arbitrary<AnyChange[]> = fc.array(
  fc.record({
    key: bytes,
    value: bytes,
    seq: u64,
    op: fc.constantFrom(ChangeOp.PUT, ChangeOp.DELETE, ChangeOp.CONTROL),
    schemaVersion: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    timestampMs: u64,
    origin: text,
    idempotencyKey: text,
    correlationId: text,
  }),
  { maxLength: 11 },
);

const sample = fc.sample(changes, { numRuns: 20, seed: 1 }).flat()[0] as AnyChange;

/** All hashes of a batch, one by one. */
function oneByOne(batch: readonly AnyChange[], by = hasher) {
  let logHash = start;
  const logHashes: Uint8Array[] = [];
  const contents = batch.map(({ op, key, value }) => ({
    keyHash: by.keyHash(key),
    valueHash: op === ChangeOp.DELETE ? undefined : by.valueHash(value),
  }));
  const entryHashes = batch.map((change, at) => {
    const { keyHash, valueHash } = contents[at] as (typeof contents)[number];
    logHash = by.nextLogHash(logHash, by.changeHash(change, keyHash, valueHash));
    logHashes.push(logHash);
    if (change.op !== ChangeOp.PUT || !valueHash) return undefined;
    return by.entryHash(keyHash, change.seq, change.schemaVersion, valueHash);
  });
  return { contents, logged: { entryHashes, logHashes } };
}

function atOnce(own: BatchHasher, batch: readonly AnyChange[]) {
  const contents = own.contents(batch);
  return { contents, logged: own.logged(batch, contents, start) };
}

describe("BatchHasher", () => {
  it.each([
    ["in lanes", new Lanes()],
    ["without", null],
  ])("gives the hashes of changes as one by one, %s [DIG-1, DIG-10, DIG-11]", (_, lanes) => {
    const own = new BatchHasher(hasher, lanes);
    fc.assert(
      fc.property(changes, (batch) => {
        expect(atOnce(own, batch)).toEqual(oneByOne(batch));
      }),
      { numRuns: RUNS },
    );
  });

  it("shares lanes with another dataset, which uses them in between [DIG-1]", () => {
    const lanes = new Lanes();
    const own = new BatchHasher(hasher, lanes);
    const batch = fc.sample(changes, { numRuns: 20, seed: 1 }).flat();
    const others = new DigestHasher({ ...scope, partition: "others" });
    const other = new BatchHasher(others, lanes);
    const contents = own.contents(batch);
    expect(atOnce(other, batch)).toEqual(oneByOne(batch, others));
    expect({ contents, logged: own.logged(batch, contents, start) }).toEqual(oneByOne(batch));
    expect(own.contents(batch)).toEqual(contents);
  });

  it.each([1, 2])("takes no delete with a value hash, and nothing else without, of %d", (many) => {
    const own = new BatchHasher(hasher, new Lanes());
    const hash = start;
    const refused = (op: ChangeOp, valueHash: Uint8Array | undefined) => {
      const batch = Array.from({ length: many }, () => ({ ...sample, op }));
      const contents = batch.map(() => ({ keyHash: hash, valueHash }));
      return () => own.logged(batch, contents, start);
    };
    expect(refused(ChangeOp.PUT, undefined)).toThrow(TypeError);
    expect(refused(ChangeOp.DELETE, hash)).toThrow(TypeError);
  });

  it("hashes long values, and no others, with the function it was given", () => {
    const lengths: number[] = [];
    const counting = new DigestHasher(scope, (input) => {
      lengths.push(input.length);
      return new Uint8Array(createHash("sha256").update(input).digest());
    });
    const own = new BatchHasher(counting, new Lanes());
    const put = { ...sample, op: ChangeOp.PUT, key: new Uint8Array(3) };
    lengths.length = 0;
    const ofLengths = [MAX_INPUT_BYTES, MAX_INPUT_BYTES + 1];
    own.contents(ofLengths.map((length) => ({ ...put, value: new Uint8Array(length) })));
    expect(lengths).toEqual([MAX_INPUT_BYTES + 1]);
  });
});
