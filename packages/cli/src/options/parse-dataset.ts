import { ReplicationMode } from "@lockstep/protocol";
import { InvalidArgumentError } from "commander";
import { parseCount } from "./parse.ts";

const UNITS_MS: Readonly<Record<string, bigint>> = {
  ms: 1n,
  s: 1_000n,
  m: 60_000n,
  h: 3_600_000n,
  d: 86_400_000n,
};
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** How far an append must have come, as the protocol says it. */
export interface GivenDurability {
  readonly mode: ReplicationMode;
  readonly replicas: number;
}

/** Reads a duration such as `500ms`, `15s`, `2m`, `1h` or `90d` as whole milliseconds, above 0. */
export function parseLongDurationMs(text: string): bigint {
  const [, digits = "0", unit = ""] = /^(\d{1,16})(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = BigInt(digits) * (UNITS_MS[unit] ?? 0n);
  if (ms > 0n && ms <= MAX_SAFE) return ms;
  throw new InvalidArgumentError("Give a whole number above 0 and a unit: 500ms, 15s, 2m, 1h, 7d.");
}

/** Reads how many changes or bytes: a whole number above 0 and below 2^53. */
export function parseAmount(text: string): bigint {
  const amount = /^\d{1,16}$/.test(text) ? BigInt(text) : 0n;
  if (amount > 0n && amount <= MAX_SAFE) return amount;
  throw new InvalidArgumentError("Give a whole number, at least 1.");
}

/** Reads how far an append must have come: `local`, `quorum:2` or `all-in-sync`. */
export function parseDurability(text: string): GivenDurability {
  const [, count] = /^quorum:(.*)$/.exec(text) ?? [];
  if (count !== undefined) return { mode: ReplicationMode.QUORUM, replicas: parseCount(count) };
  if (text === "local") return { mode: ReplicationMode.LOCAL, replicas: 0 };
  if (text === "all-in-sync") return { mode: ReplicationMode.ALL_IN_SYNC, replicas: 0 };
  throw new InvalidArgumentError("Give local, quorum:COUNT or all-in-sync.");
}

/** Reads the version of a value's form, 0 to 2^32 - 1. */
export function parseSchemaVersion(text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 32) return Number(text);
  throw new InvalidArgumentError("Give a whole number below 2^32.");
}
