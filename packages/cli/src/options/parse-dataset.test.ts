import { ReplicationMode } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { bytesOf } from "./bytes.ts";
import {
  parseAmount,
  parseDurability,
  parseLongDurationMs,
  parseSchemaVersion,
} from "./parse-dataset.ts";

test.each([
  ["500ms", 500n],
  ["15s", 15_000n],
  ["2m", 120_000n],
  ["1h", 3_600_000n],
  ["90d", 7_776_000_000n],
])("the duration %s is %d ms", (text, ms) => {
  expect(parseLongDurationMs(text)).toBe(ms);
});

test.each(["", "0s", "15", "d", "-1s", "1.5h", "1w", "9999999999999999d"])(
  "%j is no duration",
  (text) => {
    expect(() => parseLongDurationMs(text)).toThrow("Give a whole number above 0 and a unit");
  },
);

test("an amount is a whole number above 0 and below 2^53", () => {
  expect(parseAmount("9007199254740991")).toBe(2n ** 53n - 1n);
  for (const text of ["0", "9007199254740992", "-1", "1.0", ""]) {
    expect(() => parseAmount(text)).toThrow("at least 1");
  }
});

test("the version of a value's form is a whole number below 2^32", () => {
  expect(parseSchemaVersion("4294967295")).toBe(2 ** 32 - 1);
  expect(() => parseSchemaVersion("4294967296")).toThrow("below 2^32");
  expect(() => parseSchemaVersion("x")).toThrow("below 2^32");
});

test("a durability is a mode, and with a quorum its size", () => {
  expect(parseDurability("local")).toEqual({ mode: ReplicationMode.LOCAL, replicas: 0 });
  expect(parseDurability("quorum:2")).toEqual({ mode: ReplicationMode.QUORUM, replicas: 2 });
  const all = { mode: ReplicationMode.ALL_IN_SYNC, replicas: 0 };
  expect(parseDurability("all-in-sync")).toEqual(all);
  for (const text of ["quorum", "quorum:0", "LOCAL", "all", ""]) {
    expect(() => parseDurability(text)).toThrow("Give");
  }
});

test("a key is its text as UTF-8, or what its hex digits say", () => {
  expect([...bytesOf("ä", false)]).toEqual([0xc3, 0xa4]);
  expect([...bytesOf("00fF", true)]).toEqual([0, 255]);
  for (const text of ["0", "zz", "0x00"]) expect(() => bytesOf(text, true)).toThrow("hex digits");
});
