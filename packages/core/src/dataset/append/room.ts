import { ErrorReason } from "@lockstep/protocol";
import type { Facts } from "../../decide/decision.ts";
import { Refusal, RefusalCode, storageLow } from "../../refusal.ts";
import type { Dataset } from "../dataset.ts";

/**
 * There is room for rows that take `bytes` in all after the batch. Who has filled a dataset may delete.
 * @throws Refusal DATASET_FULL, STORAGE_LOW.
 */
export function requireRoom(dataset: Dataset, bytes: bigint, facts: Facts): void {
  const { maxBytes } = dataset.settings;
  if (maxBytes > 0n && bytes > maxBytes && bytes > dataset.bytes)
    throw new Refusal(
      RefusalCode.RESOURCE_EXHAUSTED,
      ErrorReason.DATASET_FULL,
      `the rows would take ${bytes} bytes, of ${maxBytes} that the policy allows: delete some, or raise max_bytes`,
      { max_bytes: String(maxBytes), bytes: String(dataset.bytes) },
    );
  if (facts.storageLow) throw storageLow("nothing can be appended");
}
