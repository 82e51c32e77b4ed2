import { ChangeOp } from "@lockstep/protocol";
import { Numbers } from "../../crash/numbers.ts";

/** The dataset of this test. */
export const DATASET = "killed";
/** How many batches the writer has under way at once. */
export const LANES = 16;
/** The schema version of all values. */
export const SCHEMA_VERSION = 1;

/** Keys of one lane that each of its batches sets to the same value. */
const WHOLE_KEYS = 3;
const OTHER_CHANGES_MAX = 16;
/** So few keys that they are written, deleted and written again all the time. */
const OTHER_KEYS = 3_000;
const DELETED_ONE_IN = 5;
const VALUE_BYTES_MAX = 200;

/** A change as the writer sends it. */
export interface PlannedChange {
  readonly idempotencyKey: string;
  readonly op: ChangeOp;
  readonly key: string;
  /** Empty with DELETE. */
  readonly value: string;
}

/**
 * The batch of a lane with this number. Nothing else decides what is in it, so a writer that was killed goes on with the
 * very same batches.
 */
export function batchOf(lane: number, number: number): PlannedChange[] {
  const numbers = new Numbers(lane * 10_000_000 + number);
  const changes: Omit<PlannedChange, "idempotencyKey">[] = [];
  for (let at = 0; at < WHOLE_KEYS; at += 1)
    changes.push({ op: ChangeOp.PUT, key: `whole/${lane}/${at}`, value: `${number}` });
  for (let left = numbers.below(OTHER_CHANGES_MAX); left > 0; left -= 1) {
    const key = `other/${numbers.below(OTHER_KEYS)}`;
    const isDelete = numbers.below(DELETED_ONE_IN) === 0;
    const value = `${lane}/${number}/`.padEnd(1 + numbers.below(VALUE_BYTES_MAX), "x");
    if (isDelete) changes.push({ op: ChangeOp.DELETE, key, value: "" });
    else changes.push({ op: ChangeOp.PUT, key, value });
  }
  return changes.map((change, at) => ({ ...change, idempotencyKey: `${lane}/${number}/${at}` }));
}

/** The change with this idempotency key; undefined when no batch has it. */
export function plannedChange(idempotencyKey: string): PlannedChange | undefined {
  const [lane, number, at] = idempotencyKey.split("/").map(Number);
  return batchOf(lane ?? 0, number ?? 0)[at ?? 0];
}

/** Whether a lane's keys of `whole/` have more than one value in one page: a batch that is visible in part. */
export function isTorn(rows: readonly { key: Uint8Array; value: Uint8Array }[]): boolean {
  const values = new Map<string, Set<string>>();
  for (const { key, value } of rows) {
    const [, lane = ""] = Buffer.from(key).toString().split("/");
    const seen = values.get(lane) ?? new Set();
    values.set(lane, seen.add(Buffer.from(value).toString()));
  }
  return [...values.values()].some(({ size }) => size > 1);
}
