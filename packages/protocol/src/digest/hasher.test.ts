import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChangeOp } from "../gen/lockstep/v1/dataset_pb.ts";
import { bucketOf, DigestHasher } from "./hasher.ts";
import {
  EPOCH,
  hasher,
  hex,
  type LoggedChange,
  loggedAt,
  loggedVectors,
  SALT,
  utf8,
} from "./testing-support/vectors.ts";

const RUNS = 500;

describe("DigestHasher, by the published vectors,", () => {
  const keyHash = hasher.keyHash(utf8("alpha"));

  it("hashes a key [DIG-1, DIG-30]", () => {
    expect(hex(keyHash)).toBe("d2a6fb056c5568a2e88155ccf092b5f5d1d4cef0546406ef07db5d3a76784d20");
  });

  it("finds the bucket of a key [DIG-1, DIG-30]", () => {
    expect(bucketOf(keyHash)).toBe(53_926);
  });

  it("hashes an entry [DIG-1, DIG-30]", () => {
    const entryHash = hasher.entryHash(keyHash, 1n, 1, hasher.valueHash(utf8("one")));
    expect(hex(entryHash)).toBe("29c16d2f4e3eff89828f3a16cf0c57a994e6af7c91cc23e33519ee10ef1d5a30");
  });

  it("chains the log from its creation through puts and a delete [DIG-10, DIG-30]", () => {
    const first = "1a1d84c379486acca4828ec38c5c77378e493ac145bafc452053e58b8f3dff9e";
    expect(hex(hasher.firstLogHash(EPOCH))).toBe(first);
    expect(hex(logHashAfter(loggedVectors()))).toBe(
      "45a518a3cb567a6a5cb5d3108260bdef28439f44e7f32bd83b0838d55e218ff4",
    );
  });
});

describe("DigestHasher", () => {
  it("hashes exactly the bytes of the definition, for any content [DIG-1, DIG-7, DIG-11]", () => {
    fc.assert(
      fc.property(
        scope,
        change,
        fc.uint8Array({ maxLength: 2_000, size: "max" }),
        (anyScope, one, key) => {
          const own = new DigestHasher(anyScope);
          const { salt, dataset, partition } = anyScope;
          const keyHash = plainHash("drv1-key", salt, prefixed(utf8(partition)), prefixed(key));
          expect(hex(own.keyHash(key))).toBe(hex(keyHash));
          const { seq, op, schemaVersion } = one;
          const valueHash = hasher.valueHash(key);
          const entry = plainHash("drv1-ent", keyHash, u64(seq), u32(schemaVersion), valueHash);
          expect(hex(own.entryHash(keyHash, seq, schemaVersion, valueHash))).toBe(hex(entry));
          const hashes = [keyHash, op === ChangeOp.DELETE ? undefined : valueHash] as const;
          expect(hex(own.changeHash(one, ...hashes))).toBe(hex(plainChangeHash(one, ...hashes)));
          const names = [prefixed(utf8(dataset)), prefixed(utf8(partition))];
          const first = plainHash("drv1-gen", salt, ...names, u64(seq));
          expect(hex(own.firstLogHash(seq))).toBe(hex(first));
          const next = plainHash("drv1-log", first, entry);
          expect(hex(own.nextLogHash(first, entry))).toBe(hex(next));
        },
      ),
      { numRuns: RUNS },
    );
  });

  it("chains a control entry, and a delete of a key that is absent, like any change [DIG-10]", () => {
    const put = loggedVectors().slice(0, 1);
    const control = loggedAt(2n, ChangeOp.CONTROL, utf8("policy"), utf8("{}"), 0);
    const absent = loggedAt(2n, ChangeOp.DELETE, utf8("policy"), undefined, 0);
    const logHashes = [
      logHashAfter(put),
      logHashAfter([...put, control]),
      logHashAfter([...put, absent]),
    ];
    expect(new Set(logHashes.map(hex)).size).toBe(logHashes.length);
  });

  it("is not misled by a caller that changes the salt it gave", () => {
    const salt = SALT.slice();
    const own = new DigestHasher({ salt, dataset: "ds", partition: "p0" });
    salt.fill(0xff);
    expect(hex(own.firstLogHash(EPOCH))).toBe(hex(hasher.firstLogHash(EPOCH)));
    expect(hex(own.keyHash(utf8("alpha")))).toBe(hex(hasher.keyHash(utf8("alpha"))));
  });

  it.each([0, 15, 17])("takes no salt of %i bytes", (length) => {
    const scope = { salt: new Uint8Array(length), dataset: "ds", partition: "p0" };
    expect(() => new DigestHasher(scope)).toThrow(/salt has 16 bytes/);
  });

  it("takes no delete with a value hash, and no other change without", () => {
    const { change, keyHash, valueHash } = loggedAt(1n, ChangeOp.PUT, utf8("a"), utf8("b"), 1);
    const hash = (op: ChangeOp, value: Uint8Array | undefined) => () =>
      hasher.changeHash({ ...change, op }, keyHash, value);
    expect(hash(ChangeOp.DELETE, valueHash)).toThrow(TypeError);
    expect(hash(ChangeOp.PUT, undefined)).toThrow(TypeError);
    expect(hash(ChangeOp.CONTROL, undefined)).toThrow(TypeError);
  });
});

const salt = fc.uint8Array({ minLength: 16, maxLength: 16 });
const name = fc.string({ unit: "grapheme", maxLength: 60 });
const scope = fc.record({ salt, dataset: name, partition: name });
const uint63 = fc.bigInt(0n, 2n ** 63n - 1n);
const change = fc.record({
  seq: uint63,
  op: fc.constantFrom(ChangeOp.PUT, ChangeOp.DELETE, ChangeOp.CONTROL),
  schemaVersion: fc.nat(2 ** 32 - 1),
  timestampMs: uint63,
  origin: name,
  idempotencyKey: fc.string({ unit: "binary", maxLength: 128 }),
  correlationId: name,
});

function logHashAfter(changes: LoggedChange[]): Uint8Array {
  return changes.reduce(
    (logHash, { change: one, keyHash, valueHash }) =>
      hasher.nextLogHash(logHash, hasher.changeHash(one, keyHash, valueHash)),
    hasher.firstLogHash(EPOCH),
  );
}

function plainChangeHash(
  one: LoggedChange["change"],
  keyHash: Uint8Array,
  valueHash: Uint8Array | undefined,
): Uint8Array {
  return plainHash(
    "drv1-chg",
    u64(one.seq),
    Uint8Array.of(one.op),
    keyHash,
    u32(one.schemaVersion),
    valueHash ?? new Uint8Array(32),
    u64(one.timestampMs),
    prefixed(utf8(one.origin)),
    prefixed(utf8(one.idempotencyKey)),
    prefixed(utf8(one.correlationId)),
  );
}

function plainHash(tag: string, ...parts: Uint8Array[]): Uint8Array {
  return createHash("sha256")
    .update(Buffer.concat([utf8(tag), ...parts]))
    .digest();
}

function prefixed(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([u32(bytes.length), bytes]);
}

function u32(value: number): Uint8Array {
  return Uint8Array.from([24, 16, 8, 0], (shift) => value >>> shift);
}

function u64(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(16, "0"), "hex");
}
