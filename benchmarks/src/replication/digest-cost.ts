import { hash } from "node:crypto";
import {
  BatchHasher,
  bucketOf,
  ChangeOp,
  type ContentHashes,
  DigestAccumulator,
  DigestHasher,
  sha256FromBinaryString,
} from "@lockstep/protocol";
import { rowOf } from "./large-logs.ts";
import type { Trial } from "./trial.ts";

const DATASET = "digest";
// As many as a checkpoint is made after, and with it the root is computed.
const CHANGES_PER_ROOT = 10_000;
const BATCH = 100;
const TIMESTAMP_MS = 1_700_000_000_000n;

/**
 * All hashing that one change costs a server, and a replica again: of key, value, entry, change and log, the sum of the
 * bucket, and its share of the root of each checkpoint. Changes come in batches, as both hash them, and each replaces a row.
 */
export function digestCost(changes: number): Trial {
  const sha256 = sha256FromBinaryString((input) => hash("sha256", input, "binary"));
  const scope = { salt: new Uint8Array(16), dataset: DATASET, partition: DATASET };
  const hasher = new DigestHasher(scope, sha256);
  const batches = new BatchHasher(hasher);
  const accumulator = new DigestAccumulator(sha256);
  const rows = Array.from({ length: CHANGES_PER_ROOT }, (_, at) => {
    const { key, value } = rowOf(at);
    const about = { origin: "benchmark", idempotencyKey: "", correlationId: "" };
    const row = { op: ChangeOp.PUT, key: Buffer.from(key), value, schemaVersion: 1, seq: 0n };
    return { ...row, ...about, timestampMs: TIMESTAMP_MS };
  });
  const stored: (Uint8Array | undefined)[] = [];
  let seq = 0n;
  let logHash = hasher.firstLogHash(1n);
  /** The changes of one checkpoint, batch by batch. To make them is no hashing, and is not measured. */
  const nextBatches = () => {
    for (const change of rows) {
      seq += 1n;
      change.seq = seq;
    }
    return Array.from({ length: CHANGES_PER_ROOT / BATCH }, (_, batch) =>
      rows.slice(batch * BATCH, (batch + 1) * BATCH),
    );
  };
  const takeIn = (batch: typeof rows, first: number) => {
    const hashes = batches.contents(batch);
    const { entryHashes, logHashes } = batches.logged(batch, hashes, logHash);
    for (let at = 0; at < BATCH; at += 1) {
      const bucket = bucketOf((hashes[at] as ContentHashes).keyHash);
      accumulator.update(bucket, stored[first + at], entryHashes[at]);
      stored[first + at] = entryHashes[at];
    }
    logHash = logHashes.at(-1) ?? logHash;
  };
  return {
    part: "digest",
    system: "Lockstep",
    of: "hashes, sums and root",
    run: async () => {
      const roots = Math.ceil(changes / CHANGES_PER_ROOT);
      let cpuUs = 0;
      let rootsMs = 0;
      for (let root = 0; root < roots; root += 1) {
        const next = nextBatches();
        const before = process.cpuUsage();
        for (const [at, batch] of next.entries()) takeIn(batch, at * BATCH);
        const rootFromMs = performance.now();
        accumulator.root();
        rootsMs += performance.now() - rootFromMs;
        const { user, system } = process.cpuUsage(before);
        cpuUs += user + system;
      }
      return { digestUs: cpuUs / (roots * CHANGES_PER_ROOT), rootMs: rootsMs / roots };
    },
  };
}
