import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Plan } from "./config.ts";
import { PLAIN_DATASET } from "./draw-replication.ts";

/** A plan that broke a rule, as it is kept. */
export interface Replay extends Plan {
  /** The rule it broke when it was written. */
  readonly rule: string;
  /** What was seen. */
  readonly what: string;
}

/** What older files do not say. */
const ABSENT = {
  upkeep: { snapshotEvents: 0, historyEvents: 0 },
  replicas: [],
  dataset: PLAIN_DATASET,
};

/** Writes a replay file, and its folder where there is none. */
export function writeReplay(path: string, { rule, what, seed, config, actions }: Replay): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ rule, what, seed, config, actions }, undefined, 2)}\n`);
}

/** Reads one. @throws when it is none */
export function readReplay(path: string): Replay {
  const replay = JSON.parse(readFileSync(path, "utf8")) as Partial<Replay>;
  if (typeof replay.seed !== "number" || !Array.isArray(replay.actions) || !replay.config) {
    throw new Error(`${path} is not a replay file: it needs seed, config and actions`);
  }
  const config = { ...ABSENT, ...replay.config };
  return { ...replay, config } as Replay;
}
