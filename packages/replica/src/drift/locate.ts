import type { ReplicationLink } from "@lockstep/client";
import {
  type Bucket as BucketMessage,
  childrenOf,
  DEFAULT_LIMITS,
  FAN_OUT,
  LEAF_LEVEL,
} from "@lockstep/protocol";
import { positionOf } from "../follow/subscription.ts";
import type { Holdings } from "../holdings.ts";
import { type Position, type StoredRow, sameBytes, textOf } from "../rows.ts";
import type { DriftFinding } from "./found.ts";

/** What a comparison needs of the one who follows. Nothing is applied beside it. */
export interface Ground<Tx> {
  readonly link: Pick<ReplicationLink, "digestNodes" | "listBucket" | "fetchEntries">;
  readonly dataset: string;
  readonly holdings: Holdings<Tx>;
  readonly signal: AbortSignal;
  /** Applies up to exactly this position. */
  reach(asOf: Position): Promise<void>;
}

/** What differs, and where it was compared. */
export interface Located {
  readonly asOf: Position;
  readonly badBuckets: number;
  /** Undefined when too many buckets differ to look into them. */
  readonly findings: readonly DriftFinding[] | undefined;
}

/** The level of the tree that is asked for first, above the buckets: 4,096 nodes, 128 KiB. */
const FIRST_LEVEL = LEAF_LEVEL - 1;
const FIRST_NODES = Array.from({ length: FAN_OUT ** FIRST_LEVEL }, (_, index) => index);

/**
 * Finds what differs from the server's rows, each time so: ask, apply up to exactly what the answer is as of, compare
 * there. What is still under way is so never taken for drift. Without drift it is one round trip; with some, three.
 * @param maxBadBuckets with more of them they are not looked into
 */
export async function locate<Tx>(ground: Ground<Tx>, maxBadBuckets: number): Promise<Located> {
  const top = await differingNodes(ground, FIRST_LEVEL, FIRST_NODES);
  if (top.nodes.length === 0) return { asOf: top.asOf, badBuckets: 0, findings: [] };
  // Each of these nodes has a bad bucket at least.
  if (top.nodes.length > maxBadBuckets)
    return { asOf: top.asOf, badBuckets: top.nodes.length, findings: undefined };
  const bad: number[] = [];
  let { asOf } = top;
  for (const nodes of slices(childrenOf(top.nodes), DEFAULT_LIMITS.max_digest_nodes)) {
    const part = await differingNodes(ground, LEAF_LEVEL, nodes);
    bad.push(...part.nodes);
    asOf = part.asOf;
  }
  if (bad.length > maxBadBuckets) return { asOf, badBuckets: bad.length, findings: undefined };
  return await findKeys(ground, bad, asOf);
}

async function differingNodes<Tx>(
  { link, dataset, holdings, signal, reach }: Ground<Tx>,
  level: number,
  indices: readonly number[],
): Promise<{ asOf: Position; nodes: number[] }> {
  const all = level === FIRST_LEVEL ? [] : [...indices];
  const reply = await link.digestNodes({ dataset, level, indices: all }, { signal });
  const asOf = positionOf(reply.asOf);
  await reach(asOf);
  const nodes = holdings.published?.digest.differingNodes(level, indices, reply.nodes) ?? [];
  return { asOf, nodes };
}

async function findKeys<Tx>(
  ground: Ground<Tx>,
  bad: readonly number[],
  since: Position,
): Promise<Located> {
  const { link, dataset, signal, reach } = ground;
  const findings: DriftFinding[] = [];
  const waiting = [...bad];
  let asOf = since;
  let badBuckets = 0;
  while (waiting.length > 0) {
    const buckets = waiting.slice(0, DEFAULT_LIMITS.max_buckets);
    const reply = await link.listBucket({ dataset, buckets }, { signal });
    asOf = positionOf(reply.asOf);
    await reach(asOf);
    // Those that did not fit into the answer are asked for again.
    waiting.splice(0, Math.max(1, reply.buckets.length));
    for (const bucket of reply.buckets) {
      const found = await compareBucket(ground, bucket);
      if (found.length > 0) badBuckets += 1;
      findings.push(...found);
    }
  }
  return { asOf, badBuckets, findings };
}

async function compareBucket<Tx>(
  { holdings }: Ground<Tx>,
  { bucket, entries }: BucketMessage,
): Promise<DriftFinding[]> {
  const rows = await holdings.store.rowsOfBuckets(bucket, bucket + 1);
  const ours = new Map<string, StoredRow>(rows.map((row) => [textOf(row.key), row]));
  const findings: DriftFinding[] = [];
  for (const { key, seq: serverSeq, entryHash } of entries) {
    const row = ours.get(textOf(key));
    ours.delete(textOf(key));
    if (!row) findings.push({ kind: "MISSING", bucket, key, replicaSeq: 0n, serverSeq });
    else if (!sameBytes(row.entryHash, entryHash))
      findings.push({ kind: "DIVERGENT", bucket, key, replicaSeq: row.seq, serverSeq });
  }
  for (const { key, seq } of ours.values())
    findings.push({ kind: "EXTRA", bucket, key, replicaSeq: seq, serverSeq: 0n });
  return findings;
}

/** Cuts a list into parts of at most `size`. */
function slices<T>(items: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < items.length; at += size) parts.push(items.slice(at, at + size));
  return parts;
}
