import {
  BUCKETS,
  type DamagedRow,
  type Dataset,
  type DescribeDatasetResponse,
  type ScrubStatus,
} from "@lockstep/protocol";
import { datasetPolicyText } from "./dataset-policy-text.ts";
import { hexText } from "./hex.ts";
import { pairLines } from "./pairs.ts";
import { printable } from "./printable.ts";
import { tableLines } from "./table.ts";
import { timeText } from "./time.ts";
import { valueText } from "./value-text.ts";

const HEADING = ["DATASET", "HEAD", "FLOOR", "ROWS", "BYTES", "REPLICAS", "IN SYNC", "POLICY"];

/** Datasets as a table. */
export function datasetsLines(datasets: readonly Dataset[]): string[] {
  if (datasets.length === 0) return ["There are no datasets."];
  return tableLines(HEADING, datasets.map(cellsOf));
}

/** What an act has made of a dataset, in one line. */
export function datasetLine(dataset: Dataset | undefined): string {
  const { dataset: name = "", datasetId = 0n, policyVersion = 0n, policy } = dataset ?? {};
  const version = `version ${policyVersion} of its policy`;
  return printable(`${name} (id ${datasetId}) has ${version}: ${datasetPolicyText(policy)}`);
}

/** All about a dataset. */
export function describedLines({ dataset, head, scrub }: DescribeDatasetResponse): string[] {
  if (dataset === undefined) return [];
  const { checkpoint } = dataset;
  const pairs: [string, string][] = [
    ["dataset", dataset.dataset],
    ["id", String(dataset.datasetId)],
    ["created", `${timeText(dataset.createdAtMs)}, in epoch ${dataset.createdEpoch}`],
    ["policy", `version ${dataset.policyVersion}: ${datasetPolicyText(dataset.policy)}`],
    ["head", String(dataset.headSeq)],
    ["floor", `${dataset.floorSeq}: later changes are kept`],
    ["idempotency", `keys of changes after ${dataset.droppedSeq} are remembered`],
    ["rows", `${dataset.count}, ${dataset.bytes} bytes`],
    ["root", hexText(head?.root ?? new Uint8Array())],
    ["log hash", hexText(head?.logHash ?? new Uint8Array())],
    ["checkpoint", checkpoint ? `at ${checkpoint.seq}` : "none yet"],
    ["replicas", `${dataset.replicaCount}, of them ${dataset.inSyncCount} in sync`],
    ["scrub", scrubText(scrub)],
  ];
  return [...pairLines(pairs), ...damagedLines(scrub?.damaged ?? [])];
}

/** What is stored and not what was written, behind an empty line; nothing when there is none. */
export function damagedLines(damaged: readonly DamagedRow[]): string[] {
  if (damaged.length === 0) return [];
  const cells = damaged.map(({ bucket, key, problem }) => [
    String(bucket),
    valueText(key),
    problem,
  ]);
  return ["", ...tableLines(["BUCKET", "DAMAGED KEY", "PROBLEM"], cells)];
}

function scrubText(scrub: ScrubStatus | undefined): string {
  if (scrub === undefined) return "unknown";
  const share = Math.floor((scrub.bucketsSeen * 100) / BUCKETS);
  const last = scrub.passedAtMs > 0n ? `last pass ended ${timeText(scrub.passedAtMs)}` : "no pass";
  return `${last} since the server started; the pass under way is at ${share} %`;
}

function cellsOf(dataset: Dataset): string[] {
  const { headSeq, floorSeq, count, bytes, replicaCount, inSyncCount } = dataset;
  const numbers = [headSeq, floorSeq, count, bytes, replicaCount, inSyncCount].map(String);
  return [dataset.dataset, ...numbers, datasetPolicyText(dataset.policy)];
}
