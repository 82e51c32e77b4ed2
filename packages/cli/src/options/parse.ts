import { InvalidArgumentError } from "commander";

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const MAX_REVISION = 2n ** 63n - 1n;

/** Reads a duration such as `500ms`, `15s`, `2m` or `1h` as whole milliseconds; `0` needs no unit. */
export function parseDurationMs(text: string): number {
  if (text === "0") return 0;
  const [, digits = "", unit = ""] = /^(\d{1,10})(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(digits) * (UNITS_MS[unit] ?? Number.NaN);
  if (digits !== "" && ms <= 2 ** 31 - 1) return ms;
  throw new InvalidArgumentError("Give a whole number and a unit: 500ms, 15s, 2m or 1h.");
}

/**
 * Reads a moment as unix milliseconds: a date with its time zone, such as `2026-01-31T12:00:00Z`, a day in
 * UTC, or a duration such as `15m`, which means so long before `nowUnixMs`.
 */
export function parseMoment(text: string, nowUnixMs: number): number {
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const unixMs = isDate ? new Date(text).getTime() : Number.NaN;
  if (unixMs > 0) return unixMs;
  const [, ago] = /^(\d{1,10}(?:ms|s|m|h))$/.exec(text) ?? [];
  if (ago !== undefined) return Math.max(1, nowUnixMs - parseDurationMs(ago));
  throw new InvalidArgumentError("Give a time, 2026-01-31T12:00:00Z, or how long ago, 15m.");
}

/** Reads a revision, 0 or more. */
export function parseRevision(text: string): bigint {
  if (isRevision(text)) return BigInt(text);
  throw new InvalidArgumentError("Give a revision, a whole number.");
}

/** Reads the id of a session, a token or a version: what a server numbers, 0 or more. */
export function parseNumber(text: string): bigint {
  if (isRevision(text)) return BigInt(text);
  throw new InvalidArgumentError("Give a whole number.");
}

/** Reads a count, at least 1. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a whole number, at least 1.");
}

function isRevision(text: string): boolean {
  return /^\d{1,19}$/.test(text) && BigInt(text) <= MAX_REVISION;
}
