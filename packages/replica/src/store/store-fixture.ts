import type { StoredRow } from "../rows.ts";
import { text } from "../testing-support/fake-log.ts";
import type { NewDeadLetter, Progress, StagedProgress } from "./store.ts";

export const NONE = new Uint8Array();

export function row(key: string, seq: bigint): StoredRow {
  const entryHash = new Uint8Array(32).fill(Number(seq));
  return {
    key: text(key),
    value: text(`${key}${seq}`),
    seq,
    schemaVersion: 1,
    bucket: 7,
    entryHash,
  };
}

export function shown(row: Partial<StoredRow> | undefined) {
  const { key, value, seq, schemaVersion } = row ?? {};
  return { key, value, seq, schemaVersion };
}

export function bucket(number: number, count: number) {
  return { bucket: number, count, sum: new Uint8Array(32).fill(count === 0 ? 0 : number) };
}

const identity = { datasetId: 7n, salt: new Uint8Array(16).fill(1), createdEpoch: 2n ** 62n };

export function progress(seq: bigint): Progress {
  const cursor = { seq, logHash: new Uint8Array(32).fill(5) };
  return { ...identity, cursor, verifiedSeq: seq, policy: text("policy"), quarantine: "" };
}

export function stagedProgress(seq: bigint): StagedProgress {
  const cursor = { seq, logHash: new Uint8Array(32).fill(6) };
  const high = { ...cursor, count: 3n, root: new Uint8Array(32).fill(7) };
  const place = { snapshotId: 9n, low: cursor, afterKey: text("d"), cursor, high };
  return { ...identity, ...place, policy: text("policy") };
}

export function letter(key: string, seq: bigint): NewDeadLetter {
  const own = { cause: "TAIL", op: "PUT", schemaVersion: 1 } as const;
  return { ...own, key: text(key), value: text("v"), seq, problem: "no" };
}
