import {
  type GetRequest,
  type Limits,
  type ReadFreshness,
  ReadLevel,
  type ScanRequest,
} from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import { checkEntryKey } from "./append.ts";
import { checkDatasetName, checkSafe } from "./dataset.ts";
import { checkEnum, checkPageSize, checkPositive } from "./fields.ts";

/** The bounds of a GetRequest. */
export function checkGet(request: GetRequest, limits: Limits): void {
  checkDatasetName(request);
  checkEntryKey("key", request.key, limits);
  checkFreshness(request.freshness);
}

/** The bounds of a ScanRequest. */
export function checkScan(request: ScanRequest, limits: Limits): void {
  checkDatasetName(request);
  checkLength("key_prefix", request.keyPrefix, limits);
  checkLength("after_key", request.afterKey, limits);
  checkPageSize(request.pageSize);
  checkFreshness(request.freshness);
}

function checkLength(field: string, key: Uint8Array, { max_entry_key_bytes: max }: Limits): void {
  if (key.length > max) throw invalidField(field, `must not be longer than ${max} bytes`);
}

function checkFreshness(freshness: ReadFreshness | undefined): void {
  if (freshness === undefined) return;
  const { level, maxStalenessMs, seq } = freshness;
  checkEnum("freshness.level", ReadLevel, level, "optional");
  if (level === ReadLevel.BOUNDED) checkSafe("freshness.max_staleness_ms", maxStalenessMs);
  else if (maxStalenessMs !== 0n) {
    throw invalidField("freshness.max_staleness_ms", "must be 0 unless the level is BOUNDED");
  }
  if (level === ReadLevel.AT_LEAST) checkPositive("freshness.seq", seq);
  else if (seq !== 0n)
    throw invalidField("freshness.seq", "must be 0 unless the level is AT_LEAST");
}
