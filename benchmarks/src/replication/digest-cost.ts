import { hash } from "node:crypto";
import {
  BatchHasher,
  bucketOf,
  ChangeOp,
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
  let seq = 0;
  let logHash = hasher.firstLogHash(1n);
  const one = () => {
    const from = seq % CHANGES_PER_ROOT;
    const batch = rows.slice(from, from + BATCH);
    for (const change of batch) {
      seq += 1;
      change.seq = BigInt(seq);
    }
    const hashes = batches.contents(batch);
    const { entryHashes, logHashes } = batches.logged(batch, hashes, logHash);
    for (const [at, { keyHash }] of hashes.entries()) {
      accumulator.update(bucketOf(keyHash), stored[from + at], entryHashes[at]);
      stored[from + at] = entryHashes[at];
    }
    logHash = logHashes.at(-1) ?? logHash;
  };
  return {
    part: "digest",
    system: "Lockstep",
    of: "hashes, sums and root",
    run: async () => {
      const end = seq + Math.ceil(changes / BATCH) * BATCH;
      let rootsMs = 0;
      let roots = 0;
      const before = process.cpuUsage();
      while (seq < end) {
        one();
        if (seq % CHANGES_PER_ROOT !== 0) continue;
        const rootFromMs = performance.now();
        accumulator.root();
        rootsMs += performance.now() - rootFromMs;
        roots += 1;
      }
      const { user, system } = process.cpuUsage(before);
      const digestUs = (user + system) / changes;
      return { digestUs, ...(roots > 0 && { rootMs: rootsMs / roots }) };
    },
  };
}
