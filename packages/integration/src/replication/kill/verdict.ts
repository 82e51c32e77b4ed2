import { bucketOf, type Change, DigestAccumulator } from "@lockstep/protocol";
import { plannedChange, SCHEMA_VERSION } from "./batches.ts";
import { type Copy, lineOf } from "./copy.ts";
import type { KillResult } from "./kill-run.ts";
import type { Log } from "./log.ts";

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("hex");

/**
 * Compares what the writer was told, the log, the server and the files of all replicas with one another.
 * @returns what broke a rule, in words; empty when nothing did
 */
export function violationsOf({ acknowledged, log, heads, damaged, copies }: KillResult): string[] {
  return [
    ...twice(log.changes),
    ...log.changes.flatMap(notPlanned),
    ...acknowledged.flatMap(({ lane, number, seqs }) =>
      seqs.flatMap((seq, at) => notAt(log, BigInt(seq), `${lane}/${number}/${at}`)),
    ),
    ...heads.flatMap((head, at) => [
      ...differs(`the server's head (${at})`, head?.seq, BigInt(log.changes.length)),
      ...differs(`the server's log hash (${at})`, hex(head?.logHash), hex(log.logHash)),
      ...differs(`the server's count (${at})`, head?.count, BigInt(log.count)),
      ...differs(`the server's root (${at})`, hex(head?.root), hex(log.root)),
    ]),
    ...differs("rows that the server finds damaged", damaged, 0),
    ...copies.flatMap((copy) => copyDiffers(copy, log)),
  ];
}

function differs(what: string, found: unknown, wanted: unknown): string[] {
  return found === wanted ? [] : [`${what}: ${found}, not ${wanted}`];
}

/** No change is in the log twice, however often it was sent. */
function twice(changes: readonly Change[]): string[] {
  const seen = new Set<string>();
  return changes.flatMap(({ idempotencyKey, seq }) => {
    const isNew = !seen.has(idempotencyKey);
    seen.add(idempotencyKey);
    return isNew ? [] : [`change ${idempotencyKey} was appended again as ${seq}`];
  });
}

function notPlanned({ seq, op, key, value, idempotencyKey, schemaVersion }: Change): string[] {
  const planned = plannedChange(idempotencyKey);
  const same =
    planned !== undefined &&
    schemaVersion === SCHEMA_VERSION &&
    planned.op === op &&
    planned.key === Buffer.from(key).toString() &&
    planned.value === Buffer.from(value).toString();
  return same ? [] : [`change ${seq} with key ${idempotencyKey} is not what was sent`];
}

/** Whatever was acknowledged is in the log where the writer was told. */
function notAt({ changes }: Log, seq: bigint, idempotencyKey: string): string[] {
  const found = changes[Number(seq) - 1]?.idempotencyKey;
  return differs(`the change acknowledged as ${seq}`, found, idempotencyKey);
}

function copyDiffers({ name, seq, logHash, rows, projected }: Copy, log: Log): string[] {
  const { hasher } = log;
  const digest = new DigestAccumulator();
  for (const row of rows) {
    const keyHash = hasher.keyHash(row.key);
    const valueHash = hasher.valueHash(row.value);
    const hash = hasher.entryHash(keyHash, row.seq, row.schemaVersion, valueHash);
    digest.update(bucketOf(keyHash), undefined, hash);
  }
  const lines = rows.map(lineOf).sort();
  const own = [...projected].sort();
  const at = lines.findIndex((line, place) => line !== own[place]);
  return [
    ...differs(`the seq of ${name}`, seq, BigInt(log.changes.length)),
    ...differs(`the log hash of ${name}`, hex(logHash), hex(log.logHash)),
    ...differs(`the count of ${name}`, digest.count, log.count),
    ...differs(`the root of ${name}`, hex(digest.root()), hex(log.root)),
    ...differs(`the count of what ${name} projected`, own.length, lines.length),
    ...differs(`what ${name} projected`, own[at], lines[at]),
  ];
}
