import type { ReplicationLink } from "@lockstep/client";
import {
  bucketOf,
  type Change,
  ChangeOp,
  DigestAccumulator,
  DigestHasher,
  type Started,
} from "@lockstep/protocol";

/** A dataset's log as a reader is told it from its beginning. */
export interface Log {
  readonly changes: readonly Change[];
  /** Chained over the changes. */
  readonly logHash: Uint8Array;
  /** Of the rows that the changes lead to. */
  readonly count: number;
  readonly root: Uint8Array;
  /** The hashes of this dataset. */
  readonly hasher: DigestHasher;
}

/**
 * Reads a log up to a seq, and follows from its changes alone what hash and rows it leads to.
 * @throws Error when a change is missing, or stands where another should
 */
export async function logOf(link: ReplicationLink, dataset: string, headSeq: bigint): Promise<Log> {
  const stop = new AbortController();
  const start = { case: "cursor", value: { seq: 0n } } as const;
  const changes: Change[] = [];
  let started: Started | undefined;
  for await (const { part } of link.subscribe({ dataset, start }, stop.signal)) {
    if (part.case === "started") started = part.value;
    if (part.case !== "changes") continue;
    for (const change of part.value.changes) {
      if (change.seq !== BigInt(changes.length + 1))
        throw new Error(`change ${change.seq} of the log follows ${changes.length}`);
      changes.push(change);
    }
    if (part.value.lastSeq >= headSeq) stop.abort();
  }
  if (started === undefined) throw new Error("the log cannot be read");
  return logFrom(changes, started, dataset);
}

/** What changes lead to, each after the one before. */
export function logFrom(
  changes: readonly Change[],
  { salt, createdEpoch }: Pick<Started, "salt" | "createdEpoch">,
  name: string,
): Log {
  const hasher = new DigestHasher({ salt, dataset: name, partition: name });
  const entries = new Map<string, { bucket: number; hash: Uint8Array }>();
  let logHash = hasher.firstLogHash(createdEpoch);
  for (const change of changes) {
    const { op, key, value, seq, schemaVersion } = change;
    const keyHash = hasher.keyHash(key);
    const valueHash = op === ChangeOp.DELETE ? undefined : hasher.valueHash(value);
    logHash = hasher.nextLogHash(logHash, hasher.changeHash(change, keyHash, valueHash));
    const text = Buffer.from(key).toString("hex");
    if (op === ChangeOp.DELETE) entries.delete(text);
    if (op !== ChangeOp.PUT || valueHash === undefined) continue;
    const hash = hasher.entryHash(keyHash, seq, schemaVersion, valueHash);
    entries.set(text, { bucket: bucketOf(keyHash), hash });
  }
  const digest = new DigestAccumulator();
  for (const { bucket, hash } of entries.values()) digest.update(bucket, undefined, hash);
  return { changes, logHash, count: digest.count, root: digest.root(), hasher };
}
