import { hash } from "node:crypto";
import {
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
const TIMESTAMP_MS = 1_700_000_000_000n;

/**
 * All hashing that one change costs a server, and a replica again: of key, value, entry, change and log, the sum of the
 * bucket, and its share of the root of each checkpoint. Each change replaces a row.
 */
export function digestCost(changes: number): Trial {
  const sha256 = sha256FromBinaryString((input) => hash("sha256", input, "binary"));
  const scope = { salt: new Uint8Array(16), dataset: DATASET, partition: DATASET };
  const hasher = new DigestHasher(scope, sha256);
  const accumulator = new DigestAccumulator(sha256);
  const rows = Array.from({ length: CHANGES_PER_ROOT }, (_, at) => rowOf(at));
  const keys = rows.map(({ key }) => Buffer.from(key));
  const stored: (Uint8Array | undefined)[] = [];
  let seq = 0;
  let logHash = hasher.firstLogHash(1n);
  const one = () => {
    const at = seq % CHANGES_PER_ROOT;
    seq += 1;
    const [key, row] = [keys[at], rows[at]];
    if (key === undefined || row === undefined) throw new Error(`no row ${at}`);
    const keyHash = hasher.keyHash(key);
    const valueHash = hasher.valueHash(row.value);
    const entryHash = hasher.entryHash(keyHash, BigInt(seq), 1, valueHash);
    accumulator.update(bucketOf(keyHash), stored[at], entryHash);
    stored[at] = entryHash;
    const about = { origin: "benchmark", idempotencyKey: "", correlationId: "" };
    const change = { ...about, seq: BigInt(seq), op: ChangeOp.PUT, schemaVersion: 1 };
    const changeHash = hasher.changeHash(
      { ...change, timestampMs: TIMESTAMP_MS },
      keyHash,
      valueHash,
    );
    logHash = hasher.nextLogHash(logHash, changeHash);
  };
  return {
    part: "digest",
    system: "Lockstep",
    of: "hashes, sums and root",
    run: async () => {
      let rootsMs = 0;
      const before = process.cpuUsage();
      for (let change = 1; change <= changes; change++) {
        one();
        if (change % CHANGES_PER_ROOT !== 0) continue;
        const rootFromMs = performance.now();
        accumulator.root();
        rootsMs += performance.now() - rootFromMs;
      }
      const { user, system } = process.cpuUsage(before);
      const digestUs = (user + system) / changes;
      const roots = Math.floor(changes / CHANGES_PER_ROOT);
      return { digestUs, ...(roots > 0 && { rootMs: rootsMs / roots }) };
    },
  };
}
