import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bucketOf, CHANGE_OP, DigestHasher, type HashedChange } from "./hasher.ts";
import {
  EPOCH,
  hasher,
  hex,
  loggedAt,
  loggedVectors,
  SALT,
  utf8,
} from "./testing-support/vectors.ts";

const RUNS = 500;

describe("DigestHasher, by the published vectors,", () => {
  const keyHash = hasher.keyHash(utf8("alpha"));

  it("hashes a key", () => {
    expect(hex(keyHash)).toBe("d2a6fb056c5568a2e88155ccf092b5f5d1d4cef0546406ef07db5d3a76784d20");
  });

  it("finds the bucket of a key", () => {
    expect(bucketOf(keyHash)).toBe(53_926);
  });

  it("hashes an entry", () => {
    const entryHash = hasher.entryHash(keyHash, 1n, 1, hasher.valueHash(utf8("one")));
    expect(hex(entryHash)).toBe("29c16d2f4e3eff89828f3a16cf0c57a994e6af7c91cc23e33519ee10ef1d5a30");
  });

  it("chains the log from its creation through puts and a delete", () => {
    const first = "1a1d84c379486acca4828ec38c5c77378e493ac145bafc452053e58b8f3dff9e";
    expect(hex(hasher.firstLogHash(EPOCH))).toBe(first);
    expect(hex(logHashAfter(loggedVectors()))).toBe(
      "45a518a3cb567a6a5cb5d3108260bdef28439f44e7f32bd83b0838d55e218ff4",
    );
  });
});

describe("DigestHasher", () => {
  it("hashes exactly the bytes of the definition, for any content", () => {
    fc.assert(
      fc.property(scope, change, fc.uint8Array({ maxLength: 2_000 }), (anyScope, one, key) => {
        const own = new DigestHasher(anyScope);
        const { salt, dataset, partition } = anyScope;
        const keyHash = plainHash("drv1-key", salt, prefixed(utf8(partition)), prefixed(key));
        expect(hex(own.keyHash(key))).toBe(hex(keyHash));
        const value = one.valueHash ?? plainHash("");
        const entry = plainHash("drv1-ent", keyHash, u64(one.seq), u32(one.schemaVersion), value);
        expect(hex(own.entryHash(keyHash, one.seq, one.schemaVersion, value))).toBe(hex(entry));
        const changed = { ...one, keyHash };
        expect(hex(own.changeHash(changed))).toBe(hex(plainChangeHash(changed)));
        const names = [prefixed(utf8(dataset)), prefixed(utf8(partition))];
        const first = plainHash("drv1-gen", salt, ...names, u64(one.seq));
        expect(hex(own.firstLogHash(one.seq))).toBe(hex(first));
        const next = plainHash("drv1-log", first, entry);
        expect(hex(own.nextLogHash(first, entry))).toBe(hex(next));
      }),
      { numRuns: RUNS },
    );
  });

  it("chains a control entry, and a delete of a key that is absent, like any change", () => {
    const put = loggedVectors().slice(0, 1);
    const kind = hasher.keyHash(utf8("policy"));
    const control = { ...loggedAt(2n), op: CHANGE_OP.control, keyHash: kind, schemaVersion: 0 };
    const deleted = { ...loggedAt(2n), op: CHANGE_OP.delete, keyHash: kind, schemaVersion: 0 };
    const logHashes = [
      logHashAfter(put),
      logHashAfter([...put, { ...control, valueHash: hasher.valueHash(utf8("{}")) }]),
      logHashAfter([...put, { ...deleted, valueHash: undefined }]),
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
    const [put, deleted] = [loggedVectors()[0], loggedVectors()[4]] as [HashedChange, HashedChange];
    expect(() => hasher.changeHash({ ...deleted, valueHash: put.valueHash })).toThrow(TypeError);
    expect(() => hasher.changeHash({ ...put, valueHash: undefined })).toThrow(TypeError);
    const control = { ...put, op: CHANGE_OP.control, valueHash: undefined };
    expect(() => hasher.changeHash(control)).toThrow(TypeError);
  });
});

const salt = fc.uint8Array({ minLength: 16, maxLength: 16 });
const name = fc.string({ unit: "grapheme", maxLength: 60 });
const scope = fc.record({ salt, dataset: name, partition: name });
const uint63 = fc.bigInt(0n, 2n ** 63n - 1n);
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const change = fc
  .record({
    seq: uint63,
    op: fc.constantFrom(...Object.values(CHANGE_OP)),
    schemaVersion: fc.nat(2 ** 32 - 1),
    valueHash: hash,
    timestampMs: uint63,
    origin: name,
    idempotencyKey: fc.string({ unit: "binary", maxLength: 128 }),
    correlationId: name,
  })
  .map((one) => (one.op === CHANGE_OP.delete ? { ...one, valueHash: undefined } : one));

function logHashAfter(changes: HashedChange[]): Uint8Array {
  return changes.reduce(
    (logHash, one) => hasher.nextLogHash(logHash, hasher.changeHash(one)),
    hasher.firstLogHash(EPOCH),
  );
}

function plainChangeHash(one: HashedChange): Uint8Array {
  return plainHash(
    "drv1-chg",
    u64(one.seq),
    Uint8Array.of(one.op),
    one.keyHash,
    u32(one.schemaVersion),
    one.valueHash ?? new Uint8Array(32),
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
