import { expect, test } from "vitest";
import { type DigestScope, entryOf, firstLogHash, nextLogHash, rootOf } from "./plain-digest.ts";

const salt = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");
const bytes = (text: string) => Buffer.from(text);

test("the checks' own digest gives the roots of the vectors", () => {
  const scope: DigestScope = { salt, dataset: "p0" };
  const alpha = { key: bytes("alpha"), value: bytes("one"), seq: 1n, schemaVersion: 1 };
  const beta = { key: bytes("beta"), value: bytes(""), seq: 2n, schemaVersion: 1 };
  const third = {
    key: Buffer.from("ff00", "hex"),
    value: Buffer.from([0]),
    seq: 3n,
    schemaVersion: 7,
  };
  const second = { ...alpha, value: bytes("two"), seq: 4n };
  const root = (...rows: (typeof alpha)[]) =>
    rootOf(rows.map((row) => entryOf(scope, row))).toString("hex");
  expect(root()).toBe("0".repeat(64));
  expect(root(alpha)).toBe("1b215bdec47f61b7ddf4c78e5d4ce52dad64950b8627bd013dec98d1dccba8ea");
  expect(root(alpha, beta, third)).toBe(
    "fca85fcfb2f99f64fae0c345e59f23d73d4eae49deeaed4245a729eeaca731db",
  );
  expect(root(second, third)).toBe(
    "675fccd2568c71814a37de68a24cc77bfbfed9fb6ef43912733b1a9c958b5bdc",
  );
});

test("a log hash depends on the one before and on every field of the change", () => {
  const scope: DigestScope = { salt, dataset: "ds" };
  const first = firstLogHash(scope, 1n);
  const change = {
    op: 1,
    key: bytes("alpha"),
    value: bytes("one"),
    seq: 1n,
    schemaVersion: 1,
    timestampMs: 1_700_000_000_001n,
    origin: "svc-a",
    idempotencyKey: "k1",
    correlationId: "c1",
  };
  const others = [
    { op: 3 },
    { key: bytes("beta") },
    { value: bytes("two") },
    { seq: 2n },
    { schemaVersion: 2 },
    { timestampMs: 1n },
    { origin: "svc-b" },
    { idempotencyKey: "k2" },
    { correlationId: "c2" },
  ].map((other) => nextLogHash(scope, first, { ...change, ...other }).toString("hex"));
  const all = [nextLogHash(scope, first, change).toString("hex"), ...others];
  expect(new Set(all).size).toBe(all.length);
  expect(nextLogHash(scope, Buffer.alloc(32), change).toString("hex")).not.toBe(all[0]);
});
