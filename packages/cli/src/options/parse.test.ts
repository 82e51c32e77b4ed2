import { expect, test } from "vitest";
import { parseCount, parseDurationMs, parseMoment, parseNumber, parseRevision } from "./parse.ts";

test.each([
  ["0", 0],
  ["500ms", 500],
  ["15s", 15_000],
  ["2m", 120_000],
  ["1h", 3_600_000],
])("the duration %s is %d ms", (text, ms) => {
  expect(parseDurationMs(text)).toBe(ms);
});

test.each(["", "15", "s", "-1s", "1.5s", "1d", "600h", "1s "])("%j is no duration", (text) => {
  expect(() => parseDurationMs(text)).toThrow("Give a whole number and a unit");
});

test("a revision is a whole number below 2^63", () => {
  expect(parseRevision("9223372036854775807")).toBe(2n ** 63n - 1n);
  for (const text of ["9223372036854775808", "-1", "1.0", ""]) {
    expect(() => parseRevision(text)).toThrow("Give a revision");
  }
});

test("an id, a token and a version are whole numbers below 2^63", () => {
  expect(parseNumber("9223372036854775807")).toBe(2n ** 63n - 1n);
  for (const text of ["9223372036854775808", "-1", "abc", ""]) {
    expect(() => parseNumber(text)).toThrow("Give a whole number.");
  }
});

test("a count is at least 1", () => {
  expect(parseCount("7")).toBe(7);
  for (const text of ["0", "-1", "x", ""]) expect(() => parseCount(text)).toThrow("at least 1");
});

test.each([
  ["2026-01-31T12:00:00Z", Date.UTC(2026, 0, 31, 12)],
  ["2026-01-31T12:00:00.250+01:00", Date.UTC(2026, 0, 31, 11, 0, 0, 250)],
  ["2026-01-31T12:00Z", Date.UTC(2026, 0, 31, 12)],
  ["2026-01-31", Date.UTC(2026, 0, 31)],
  ["15m", 10_000_000 - 900_000],
  ["600h", undefined],
  ["100h", 1],
])("the moment %s", (text, unixMs) => {
  const parse = () => parseMoment(text, 10_000_000);
  if (unixMs === undefined) expect(parse).toThrow("Give a");
  else expect(parse()).toBe(unixMs);
});

test.each(["", "now", "2026-01-31T12:00:00", "2026-13-01", "31.1.2026", "1d", "0", "-5m"])(
  "%j is no moment",
  (text) => {
    expect(() => parseMoment(text, 0)).toThrow("Give a");
  },
);
