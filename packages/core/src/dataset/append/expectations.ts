import { ErrorReason } from "@lockstep/protocol";
import { Refusal, RefusalCode } from "../../refusal.ts";
import type { Dataset } from "../dataset.ts";
import type { RowFacts } from "../rows.ts";
import type { PreparedChange } from "./prepared.ts";

/**
 * The head is where the writer expects it.
 * @throws Refusal HEAD_MISMATCH.
 */
export function requireHead({ head }: Dataset, expected: bigint | undefined): void {
  if (expected === undefined || expected === head.seq) return;
  throw new Refusal(
    RefusalCode.ABORTED,
    ErrorReason.HEAD_MISMATCH,
    `the head is at ${head.seq}, not at ${expected}: read what was appended, and decide again`,
    { head_seq: String(head.seq) },
  );
}

/**
 * Each row is, before the batch, as its change expects it.
 * @throws Refusal KEY_MISMATCH.
 */
export function requireKeys(rows: RowFacts, changes: readonly PreparedChange[]): void {
  for (const { index, change } of changes) {
    const expected = change.expectedKeySeq;
    if (expected === undefined) continue;
    const seq = rows.head(change.key)?.seq ?? 0n;
    if (seq === expected) continue;
    throw new Refusal(
      RefusalCode.ABORTED,
      ErrorReason.KEY_MISMATCH,
      `the key of change ${index} is at ${seq}, not at ${expected}: read it, and decide again`,
      { index: String(index), seq: String(seq) },
    );
  }
}
