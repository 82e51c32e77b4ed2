import { limitExceeded } from "@lockstep/core";
import {
  BUCKETS,
  DriftAction,
  type DriftFinding,
  DriftKind,
  type DriftReport,
  FAN_OUT,
  type FetchEntriesRequest,
  type GetDigestNodesRequest,
  LEAF_LEVEL,
  type Limits,
  type ListBucketRequest,
  type ReportDriftRequest,
} from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import { checkEntryKey } from "./append.ts";
import { checkDatasetName } from "./dataset.ts";
import { checkCorrelationId, checkCount, checkEnum, checkNumber, checkPositive } from "./fields.ts";
import { checkGeneration, checkPosition } from "./replica.ts";

const FINDINGS_MAX = 100;

/** The bounds of a GetDigestNodesRequest. */
export function checkGetDigestNodes(request: GetDigestNodesRequest, limits: Limits): void {
  checkDatasetName(request);
  const { level, indices } = request;
  checkCount("level", level, LEAF_LEVEL);
  if (indices.length === 0 && level === LEAF_LEVEL) {
    throw invalidField("indices", `must not be empty at level ${LEAF_LEVEL}`);
  }
  const max = limits.max_digest_nodes;
  if (indices.length > max) throw limitExceeded("max_digest_nodes", max, "too many nodes at once");
  checkRising("indices", indices, FAN_OUT ** level);
}

/** The bounds of a ListBucketRequest. */
export function checkListBucket(request: ListBucketRequest, limits: Limits): void {
  checkDatasetName(request);
  const { buckets } = request;
  if (buckets.length === 0) throw invalidField("buckets", "must not be empty");
  const max = limits.max_buckets;
  if (buckets.length > max) throw limitExceeded("max_buckets", max, "too many buckets at once");
  checkRising("buckets", buckets, BUCKETS);
}

/** The bounds of a FetchEntriesRequest. */
export function checkFetchEntries(request: FetchEntriesRequest, limits: Limits): void {
  checkDatasetName(request);
  const { keys } = request;
  if (keys.length === 0) throw invalidField("keys", "must not be empty");
  const max = limits.max_fetch_keys;
  if (keys.length > max) throw limitExceeded("max_fetch_keys", max, "too many keys at once");
  const seen = new Set<string>();
  for (const [index, key] of keys.entries()) {
    checkEntryKey(`keys[${index}]`, key, limits);
    const text = Buffer.from(key).toString("latin1");
    if (seen.has(text)) throw invalidField(`keys[${index}]`, "must be none of those before it");
    seen.add(text);
  }
}

/** The bounds of a ReportDriftRequest. */
export function checkReportDrift(request: ReportDriftRequest, limits: Limits): void {
  checkDatasetName(request);
  checkGeneration(request);
  checkPositive("report_number", request.reportNumber);
  if (request.report === undefined) throw invalidField("report", "is required");
  checkReport(request.report, limits);
  checkCorrelationId(request.correlationId);
}

function checkReport(report: DriftReport, limits: Limits): void {
  if (report.asOf === undefined) throw invalidField("report.as_of", "is required");
  checkPosition("report.as_of", report.asOf);
  checkCount("report.bad_buckets", report.badBuckets, BUCKETS);
  checkNumber("report.missing", report.missing);
  checkNumber("report.extra", report.extra);
  checkNumber("report.divergent", report.divergent);
  if (report.findings.length > FINDINGS_MAX) {
    throw invalidField("report.findings", `must not have more than ${FINDINGS_MAX} entries`);
  }
  for (const [index, finding] of report.findings.entries()) {
    checkFinding(`report.findings[${index}]`, finding, limits);
  }
  checkEnum("report.action", DriftAction, report.action, "required");
}

function checkFinding(field: string, finding: DriftFinding, limits: Limits): void {
  checkEnum(`${field}.kind`, DriftKind, finding.kind, "required");
  checkCount(`${field}.bucket`, finding.bucket, BUCKETS - 1);
  checkEntryKey(`${field}.key`, finding.key, limits);
  checkNumber(`${field}.replica_seq`, finding.replicaSeq);
  checkNumber(`${field}.server_seq`, finding.serverSeq);
}

/** Demands numbers that rise, each below `end`. */
function checkRising(field: string, numbers: readonly number[], end: number): void {
  for (const [index, number] of numbers.entries()) {
    if (number >= end) throw invalidField(`${field}[${index}]`, `must be below ${end}`);
    if (index > 0 && number <= (numbers[index - 1] ?? 0)) {
      throw invalidField(`${field}[${index}]`, "must be above the one before it");
    }
  }
}
