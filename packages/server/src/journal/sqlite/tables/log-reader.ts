import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Checkpoint, LogPosition } from "@lockstep/protocol";
import type { Damage, Stored, StoredUnwanted, TableRead } from "../../tables.ts";
import { splitChanges } from "./change-encoding.ts";
import type { EncodedChanges } from "./result-encoding.ts";
import { isBytes, isNumber, prepare } from "./row-reader.ts";
import { changesChecksum, checkpointChecksum } from "./table-checksums.ts";

type Columns = readonly unknown[];
type ReadOf<K extends TableRead["kind"]> = Extract<TableRead, { kind: K }>;

/** The changes of an append as they are stored. */
interface StoredAppend {
  readonly firstSeq: bigint;
  readonly lastSeq: bigint;
  readonly logHash: Uint8Array;
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
    const append =
      "SELECT last_seq, first_seq, log_hash, checksum, bytes FROM changes WHERE dataset = ?";
    const checkpoint =
      "SELECT seq, log_hash, count, root, decided_at_ms, checksum FROM checkpoints WHERE dataset = ?";
    this.#changes = prepare(database, `${append} AND last_seq > ? ORDER BY last_seq`);
    this.#end = prepare(database, `${append} AND last_seq <= ? ORDER BY last_seq DESC LIMIT 1`);
    this.#range = prepare(
      database,
      "SELECT (SELECT first_seq FROM changes WHERE dataset = ?1 ORDER BY last_seq LIMIT 1), (SELECT max(last_seq) FROM changes WHERE dataset = ?1)",
    );
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
    const append = changesOf(dataset, found);
    if ("damaged" in append) return append;
    return position(append.lastSeq, append.logHash);
  }

  /** Whole batches behind a seq, up to what is damaged. */
  changes({ datasetId, afterSeq, afterCheckpoint, maxBytes }: ReadOf<"changes">): EncodedChanges {
    const changes: Uint8Array[] = [];
    const batchEnds: bigint[] = [];
    const logHashes: Uint8Array[] = [];
    let damage: Damage | undefined;
    let bytes = 0;
    for (const found of this.#changes.iterate(datasetId, afterSeq) as Iterable<Columns>) {
      const append = followed(changesOf(datasetId, found), batchEnds.at(-1));
      if ("damaged" in append) {
        damage = append;
        break;
      }
      bytes += append.bytes.length;
      if (bytes > maxBytes && batchEnds.length > 0) break;
      const known = afterSeq < append.firstSeq ? 0n : afterSeq - append.firstSeq + 1n;
      changes.push(...splitChanges(append.bytes).slice(Number(known)));
      batchEnds.push(append.lastSeq);
      logHashes.push(append.logHash);
    }
    const lastSeq = batchEnds.at(-1) ?? afterSeq;
    const between = this.#checkpointsOf(datasetId, afterCheckpoint, lastSeq);
    damage ??= between.damage;
    return {
      changes,
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
    const wanted = head - read.keepChanges;
    const bound = wanted < read.heldFromSeq ? wanted : read.heldFromSeq;
    const byNumber = this.#checkpointAtOrBelow.get(datasetId, bound);
    let floor = byNumber && checkpointOf(datasetId, byNumber as unknown as Columns);
    for (const found of this.#oldestCheckpoints.iterate(datasetId)) {
      const checkpoint = checkpointOf(datasetId, found as unknown as Columns);
      if (checkpoint === undefined || checkpoint.decidedAtMs >= read.changesBeforeMs) break;
      if (checkpoint.seq > read.heldFromSeq) break;
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

/** An append, if it follows the one before, and otherwise what is missing; the first one may follow anything. */
function followed(
  append: StoredAppend | Damage,
  previous: bigint | undefined,
): StoredAppend | Damage {
  if (previous === undefined) return append;
  const seq = previous + 1n;
  if ("damaged" in append) return { damaged: { ...append.damaged, seq } };
  return append.firstSeq === seq ? append : { damaged: { seq, problem: "the change is missing" } };
}

/** The changes of an append of their columns, still encoded. What is damaged is named by the first of them. */
export function changesOf(dataset: bigint, columns: Columns): StoredAppend | Damage {
  const [lastSeq, firstSeq, logHash, checksum, bytes] = columns;
  if (isNumber(lastSeq) && isNumber(firstSeq) && isBytes(logHash) && isBytes(bytes)) {
    const append = { firstSeq, lastSeq, logHash, bytes };
    if (BigInt(changesChecksum(dataset, append)) === checksum) return append;
  }
  const problem = "the changes of an append have other bytes than were written";
  return { damaged: { ...(isNumber(firstSeq) && { seq: firstSeq }), problem } };
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
