import {
  BUCKETS,
  type Bucket,
  type DamagedRow,
  DigestAccumulator,
  FAN_OUT,
  type FetchEntriesResponse,
  type ListBucketResponse,
  type ScrubDatasetResponse,
} from "@lockstep/protocol";
import { type Decision, type Facts, replyOnly } from "../decide/decision.ts";
import type { Op } from "../op.ts";
import { limitExceeded } from "../refusal.ts";
import type { NamespaceState } from "../state/state.ts";
import { PageRoom } from "../view/page-room.ts";
import type { Dataset } from "./dataset.ts";
import { datasetOf, rowsFor } from "./find.ts";
import { positionMessage } from "./position.ts";
import { rowView } from "./reads.ts";
import { datasetDamaged } from "./refusals.ts";
import type { StoredRow } from "./rows.ts";
import { scrubBucket } from "./scrub-bucket.ts";
import { rowBytes } from "./view-bytes.ts";

/** How much of rows a FetchEntries brings at most, unless a single one is larger. */
const FETCHED_BYTES_MAX = 1024 * 1024;
/** How many damaged rows a reply names at most. */
const DAMAGED_MAX = 100;

/** Reads nodes of the digest as of the head. */
export function decideDigestNodes(
  state: NamespaceState,
  { request }: Op<"digestNodes">,
): Decision<"digestNodes"> {
  const { level } = request;
  const dataset = datasetOf(state, request.dataset);
  const count = request.indices.length || FAN_OUT ** level;
  const max = state.limits.max_digest_nodes;
  if (count > max) throw limitExceeded("max_digest_nodes", max, `${count} nodes are too many`);
  const indices = request.indices.length > 0 ? request.indices : allBelow(count);
  return replyOnly({
    $typeName: "lockstep.v1.GetDigestNodesResponse",
    asOf: positionMessage(dataset.head),
    nodes: dataset.digest.nodes(level, indices),
  });
}

/**
 * Lists what lies in buckets as of the head, after a look at whether that is what was written.
 * @throws Refusal DATASET_DAMAGED.
 */
export function decideListBucket(
  state: NamespaceState,
  { request }: Op<"listBucket">,
  facts: Facts,
): Decision<"listBucket"> {
  const dataset = datasetOf(state, request.dataset);
  const max = state.limits.max_buckets;
  const { length } = request.buckets;
  if (length > max) throw limitExceeded("max_buckets", max, `${length} buckets are too many`);
  const rows = rowsFor(facts, dataset);
  const reply: ListBucketResponse = {
    $typeName: "lockstep.v1.ListBucketResponse",
    asOf: positionMessage(dataset.head),
    buckets: [],
  };
  const room = new PageRoom(state.limits.max_response_bytes);
  const sums = new DigestAccumulator();
  for (const bucket of request.buckets) {
    const stored = rows.bucket(bucket);
    if (stored === undefined) break;
    const scrubbed = scrubBucket(dataset, sums, bucket, stored);
    const [damage] = scrubbed.damaged;
    if (damage !== undefined) throw damageOf(dataset, damage);
    if (!room.take(bytesOf(scrubbed.rows))) break;
    reply.buckets.push(bucketView(bucket, scrubbed.rows));
  }
  return replyOnly(reply);
}

/** Reads rows by key as of the head: the first, and those that fit. */
export function decideFetchEntries(
  state: NamespaceState,
  { request }: Op<"fetchEntries">,
  facts: Facts,
): Decision<"fetchEntries"> {
  const dataset = datasetOf(state, request.dataset);
  const max = state.limits.max_fetch_keys;
  const { length } = request.keys;
  if (length > max) throw limitExceeded("max_fetch_keys", max, `${length} keys are too many`);
  const rows = rowsFor(facts, dataset);
  const reply: FetchEntriesResponse = {
    $typeName: "lockstep.v1.FetchEntriesResponse",
    asOf: positionMessage(dataset.head),
    entries: [],
  };
  let bytes = 0;
  for (const key of request.keys) {
    // What lies behind a row that is larger than all of it was not read.
    if (bytes > FETCHED_BYTES_MAX) break;
    const row = rows.row(key);
    bytes += key.length + (row?.value.length ?? 0);
    if (bytes > FETCHED_BYTES_MAX && reply.entries.length > 0) break;
    const entry = { $typeName: "lockstep.v1.FetchedEntry", key } as const;
    reply.entries.push(row === undefined ? entry : { ...entry, row: rowView(row) });
  }
  return replyOnly(reply);
}

/** Looks at rows of buckets from one on, as far as they were read. */
export function decideScrubDataset(
  state: NamespaceState,
  { request }: Op<"scrubDataset">,
  facts: Facts,
): Decision<"scrubDataset"> {
  const { firstBucket } = request;
  const dataset = datasetOf(state, request.dataset);
  const max = state.limits.max_scrub_buckets;
  if (request.buckets > max)
    throw limitExceeded("max_scrub_buckets", max, `${request.buckets} buckets are too many`);
  const rows = rowsFor(facts, dataset);
  const end = Math.min(firstBucket + (request.buckets || max), BUCKETS);
  const sums = new DigestAccumulator();
  const damaged: DamagedRow[] = [];
  let [seen, bucket] = [0, firstBucket];
  for (; bucket < end; bucket += 1) {
    const stored = rows.bucket(bucket);
    if (stored === undefined) break;
    seen += stored.length;
    damaged.push(...scrubBucket(dataset, sums, bucket, stored).damaged);
  }
  const reply: ScrubDatasetResponse = {
    $typeName: "lockstep.v1.ScrubDatasetResponse",
    nextBucket: bucket,
    rows: BigInt(seen),
    damaged: damaged.slice(0, DAMAGED_MAX),
    damagedCount: BigInt(damaged.length),
  };
  return replyOnly(reply);
}

function allBelow(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function damageOf({ name }: Dataset, { bucket, key, problem }: DamagedRow) {
  return datasetDamaged(name, { bucket, key: key.length > 0 ? key : undefined }, problem);
}

function bucketView(bucket: number, rows: readonly StoredRow[]): Bucket {
  return {
    $typeName: "lockstep.v1.Bucket",
    bucket,
    entries: rows.map(({ key, seq, entryHash }) => ({
      $typeName: "lockstep.v1.BucketEntry",
      key,
      seq,
      entryHash,
    })),
  };
}

function bytesOf(rows: readonly StoredRow[]): number {
  let bytes = 0;
  for (const { key } of rows) bytes += rowBytes(key, undefined);
  return bytes;
}
