import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Checkpoint, LogPosition } from "@lockstep/protocol";
import type { Damage, Stored, StoredUnwanted, TableRead } from "../../tables.ts";
import type { EncodedChanges } from "./result-encoding.ts";
import { isBytes, isNumber, prepare } from "./row-reader.ts";
import { changeChecksum, checkpointChecksum } from "./table-checksums.ts";

type Columns = readonly unknown[];
type ReadOf<K extends TableRead["kind"]> = Extract<TableRead, { kind: K }>;

/** A change as it is stored. */
interface StoredChange {
  readonly seq: bigint;
  readonly logHash: Uint8Array | undefined;
  readonly bytes: Uint8Array;
}

/** Reads changes and checkpoints, comparing each with its checksum. */
export class LogReader {
  readonly #changes: StatementSync;
  readonly #end: StatementSync;
  readonly #range: StatementSync;
  readonly #checkpoints: StatementSync;
  readonly #checkpointAtOrBelow: StatementSync;
  readonly #oldestCheckpoints: StatementSync;
  readonly #oldestRecords: StatementSync;

  constructor(database: DatabaseSync) {
    const change = "SELECT seq, log_hash, checksum, bytes FROM changes WHERE dataset = ?";
    const checkpoint =
      "SELECT seq, log_hash, count, root, decided_at_ms, checksum FROM checkpoints WHERE dataset = ?";
    this.#changes = prepare(database, `${change} AND seq > ? ORDER BY seq`);
    this.#end = prepare(
      database,
      `${change} AND seq <= ? AND log_hash IS NOT NULL ORDER BY seq DESC LIMIT 1`,
    );
    this.#range = prepare(database, "SELECT min(seq), max(seq) FROM changes WHERE dataset = ?");
    this.#checkpoints = prepare(database, `${checkpoint} AND seq > ? AND seq <= ? ORDER BY seq`);
    this.#checkpointAtOrBelow = prepare(
      database,
      `${checkpoint} AND seq <= ? ORDER BY seq DESC LIMIT 1`,
    );
    this.#oldestCheckpoints = prepare(database, `${checkpoint} ORDER BY seq`);
    this.#oldestRecords = prepare(
      database,
      "SELECT seq, timestamp_ms FROM idempotency WHERE dataset = ? AND seq <= ? ORDER BY seq",
    );
  }

  /** The end of the last batch at or below a seq. */
  position(dataset: bigint, seq: bigint): Stored<LogPosition> {
    const found = this.#end.get(dataset, seq) as Columns | undefined;
    if (found === undefined) return undefined;
    const change = changeOf(dataset, found);
    if ("damaged" in change) return change;
    return position(change.seq, change.logHash as Uint8Array);
  }

  /** Whole batches behind a seq, up to what is damaged. */
  changes({ datasetId, afterSeq, afterCheckpoint, maxBytes }: ReadOf<"changes">): EncodedChanges {
    const changes: Uint8Array[] = [];
    const batchEnds: bigint[] = [];
    const logHashes: Uint8Array[] = [];
    let damage: Damage | undefined;
    let [bytes, taken, seq] = [0, 0, 0n];
    for (const found of this.#changes.iterate(datasetId, afterSeq) as Iterable<Columns>) {
      const change = followed(changeOf(datasetId, found), seq);
      if ("damaged" in change) {
        damage = change;
        break;
      }
      seq = change.seq;
      bytes += change.bytes.length;
      if (bytes > maxBytes && taken > 0) break;
      changes.push(change.bytes);
      if (change.logHash === undefined) continue;
      taken = changes.length;
      batchEnds.push(seq);
      logHashes.push(change.logHash);
    }
    const lastSeq = batchEnds.at(-1) ?? afterSeq;
    const between = this.#checkpointsOf(datasetId, afterCheckpoint, lastSeq);
    damage ??= between.damage;
    return {
      changes: changes.slice(0, taken),
      batchEnds,
      logHashes,
      checkpoints: between.checkpoints,
      damage,
    };
  }

  /** What does not have to be kept. */
  unwanted(read: ReadOf<"unwanted">): StoredUnwanted {
    const { datasetId } = read;
    const [first, last] = (this.#range.get(datasetId) ?? []) as Columns;
    const head = isNumber(last) ? last : 0n;
    const byNumber = this.#checkpointAtOrBelow.get(datasetId, head - read.keepChanges);
    let floor = byNumber && checkpointOf(datasetId, byNumber as unknown as Columns);
    for (const found of this.#oldestCheckpoints.iterate(datasetId)) {
      const checkpoint = checkpointOf(datasetId, found as unknown as Columns);
      if (checkpoint === undefined || checkpoint.decidedAtMs >= read.changesBeforeMs) break;
      if (floor === undefined || checkpoint.seq > floor.seq) floor = checkpoint;
    }
    const kept = floor?.seq ?? (isNumber(first) ? first - 1n : head);
    return {
      floor: floor && position(floor.seq, floor.logHash),
      droppedSeq: this.#oldRecordsUpTo(datasetId, kept, read.recordsBeforeMs),
    };
  }

  /** Up to where, and not above `kept`, all idempotency keys are old. */
  #oldRecordsUpTo(dataset: bigint, kept: bigint, beforeMs: bigint): bigint {
    for (const found of this.#oldestRecords.iterate(dataset, kept) as Iterable<Columns>) {
      const [seq, timestampMs] = found;
      if (!isNumber(seq)) return 0n;
      if (typeof timestampMs !== "bigint" || timestampMs >= beforeMs) return seq - 1n;
    }
    return kept;
  }

  #checkpointsOf(dataset: bigint, after: bigint, upTo: bigint) {
    const checkpoints: Checkpoint[] = [];
    const found = this.#checkpoints.iterate(dataset, after, upTo);
    for (const columns of found as unknown as Iterable<Columns>) {
      const checkpoint = checkpointOf(dataset, columns);
      if (checkpoint === undefined) {
        const seq = isNumber(columns[0]) ? columns[0] : undefined;
        const problem = "the checkpoint has other bytes than were written";
        return { checkpoints, damage: { damaged: { seq, problem } } };
      }
      checkpoints.push(checkpoint);
    }
    return { checkpoints, damage: undefined };
  }
}

/** A change, if it follows the one before; the first one may follow anything. */
function followed(change: StoredChange | Damage, previous: bigint): StoredChange | Damage {
  if ("damaged" in change || previous === 0n || change.seq === previous + 1n) return change;
  return { damaged: { seq: previous + 1n, problem: "the change is missing" } };
}

/** The change of its columns, still encoded. */
export function changeOf(dataset: bigint, columns: Columns): StoredChange | Damage {
  const [seq, logHash, checksum, bytes] = columns;
  const hash = isBytes(logHash) ? logHash : undefined;
  if (
    isNumber(seq) &&
    isBytes(bytes) &&
    BigInt(changeChecksum(dataset, seq, hash, bytes)) === checksum
  ) {
    return { seq, logHash: hash, bytes };
  }
  const problem = "the change has other bytes than were written";
  return { damaged: { ...(isNumber(seq) && { seq }), problem } };
}

/** A checkpoint and when it was decided; undefined when it is not what was written. */
export function checkpointOf(
  dataset: bigint,
  columns: Columns,
): (Checkpoint & { decidedAtMs: bigint }) | undefined {
  const [seq, logHash, count, root, decidedAtMs, checksum] = columns;
  if (
    !isNumber(seq) ||
    !isBytes(logHash) ||
    !isNumber(count) ||
    !isBytes(root) ||
    typeof decidedAtMs !== "bigint"
  ) {
    return undefined;
  }
  const checkpoint = { seq, logHash, count, root };
  if (BigInt(checkpointChecksum(dataset, checkpoint, decidedAtMs)) !== checksum) return undefined;
  return { $typeName: "lockstep.v1.Checkpoint", ...checkpoint, decidedAtMs };
}

function position(seq: bigint, logHash: Uint8Array): LogPosition {
  return { $typeName: "lockstep.v1.LogPosition", seq, logHash };
}
