import {
  type IdempotencyRecord,
  Refusal,
  RefusalCode,
  type RowFacts,
  type RowHead,
  type RowPage,
  type StoredRow,
} from "@lockstep/core";
import { ErrorReason, type LogPosition } from "@lockstep/protocol";
import { keyText } from "../../journal/memory-tables.ts";
import {
  type Damage,
  isDamage,
  type Stored,
  type StoredBucket,
  type TableRead,
  type TableResults,
} from "../../journal/tables.ts";
import type { NamedRows } from "./named-rows.ts";
import type { OverlaidRow, Overlay } from "./overlay.ts";
import type { RecentHeads } from "./recent-heads.ts";
import type { WrittenKeys } from "./written-keys.ts";

/** What was read does not answer what the operation asks any more: it has to be read again. */
export class FactsMissing extends Error {
  override readonly name = "FactsMissing";
  /** It was read, but cut: a read shows no more before what was decided since is durable. */
  readonly wasCut: boolean;

  constructor(wasCut: boolean) {
    super();
    this.wasCut = wasCut;
  }
}

const NO_KEY = new Uint8Array();

type Kind = TableRead["kind"];

/** What is known of rows without a read. */
export interface DecidedRows {
  readonly overlay: Overlay;
  readonly heads: RecentHeads;
  /** The idempotency keys there may be records of. */
  readonly recordKeys: Pick<WrittenKeys, "mayHave">;
}

/** What was read of the tables, and over it what was decided since. */
export class ReadRows implements RowFacts {
  readonly datasetId: bigint;
  readonly #named: NamedRows;
  readonly #results: readonly TableResults[Kind][];
  readonly #overlay: Overlay;
  readonly #heads: RecentHeads;
  readonly #recordKeys: DecidedRows["recordKeys"];
  #byBucket: ReadonlyMap<number, StoredBucket["rows"]> | undefined;
  #overlaidByBucket: ReadonlyMap<number, readonly StoredRow[]> | undefined;

  constructor(
    named: NamedRows,
    results: readonly TableResults[Kind][],
    { overlay, heads, recordKeys }: DecidedRows,
  ) {
    this.datasetId = named.datasetId;
    this.#named = named;
    this.#results = results;
    this.#overlay = overlay;
    this.#heads = heads;
    this.#recordKeys = recordKeys;
  }

  head(key: Uint8Array): RowHead | undefined {
    const known = this.#heads.head(this.datasetId, key);
    if (known !== "unknown") return known;
    const overlaid = this.#overlay.row(this.datasetId, key);
    if (overlaid !== undefined) return headOf(overlaid);
    const { read, result } = this.#of("heads");
    return this.#good(found(result, indexOfKey(read.keys, key)));
  }

  record(idempotencyKey: string): IdempotencyRecord | undefined {
    const overlaid = this.#overlay.record(this.datasetId, idempotencyKey);
    if (overlaid !== undefined) return overlaid;
    if (!this.#recordKeys.mayHave(this.datasetId, Buffer.from(idempotencyKey))) return undefined;
    const { read, result } = this.#of("records");
    return this.#good(found(result, read.idempotencyKeys.indexOf(idempotencyKey)));
  }

  row(key: Uint8Array): StoredRow | undefined {
    const overlaid = this.#overlay.row(this.datasetId, key);
    if (overlaid !== undefined) return overlaid.row;
    const { read, result } = this.#of("rows");
    return this.#good(found(result, indexOfKey(read.keys, key)));
  }

  page(): RowPage {
    const { read, result } = this.#of("page");
    const stored = result.rows.map((row) => this.#good(row) as StoredRow);
    const last = stored.at(-1);
    // Of what lies above the last row of a page that goes on, nothing is known but what was decided.
    const lookedUpTo = result.more ? last?.key : undefined;
    const upTo = lookedUpTo && keyText(lookedUpTo);
    const [start, above] = [keyText(read.prefix), keyText(read.afterKey)];
    const merged = this.#merged(
      stored,
      (key) => key > above && key.startsWith(start) && (upTo === undefined || key <= upTo),
    );
    const rows = merged.slice(0, read.limit.maxRecords);
    if (rows.length < merged.length) return { rows, more: true };
    return { rows, more: result.more, lookedUpTo };
  }

  bucket(bucket: number): readonly (StoredRow | Damage)[] | undefined {
    this.#byBucket ??= new Map(
      this.#of("buckets").result.buckets.map((each) => [each.bucket, each.rows]),
    );
    const found = this.#byBucket.get(bucket);
    if (found === undefined) return undefined;
    const overlaid = this.#overlay.rows(this.datasetId);
    if (overlaid.size === 0) return found;
    // What was written over since is neither as it was read nor damaged.
    const damaged: Damage[] = [];
    const rows: StoredRow[] = [];
    for (const row of found) {
      const key = isDamage(row) ? (row.damaged.key ?? NO_KEY) : row.key;
      if (overlaid.has(keyText(key))) continue;
      if (isDamage(row)) damaged.push(row);
      else rows.push(row);
    }
    rows.push(...(this.#overlaidIn().get(bucket) ?? []));
    return [...damaged, ...rows.sort((a, b) => Buffer.compare(a.key, b.key))];
  }

  position(seq: bigint): LogPosition | undefined {
    const stored = this.#good(this.#of("position").result);
    const overlaid = this.#overlay.position(this.datasetId, seq);
    if (overlaid === undefined || (stored !== undefined && stored.seq > overlaid.seq))
      return stored;
    return overlaid;
  }

  /** What was decided, by bucket. Looked through once, however many buckets are asked for. */
  #overlaidIn(): ReadonlyMap<number, readonly StoredRow[]> {
    if (this.#overlaidByBucket === undefined) {
      const rows = [...this.#overlay.rows(this.datasetId)].flatMap(([, { row }]) => row ?? []);
      this.#overlaidByBucket = Map.groupBy(rows, ({ bucket }) => bucket);
    }
    return this.#overlaidByBucket;
  }

  /** Stored rows with what was decided over them, by key in byte order. */
  #merged(stored: readonly StoredRow[], isIn: (key: string) => boolean): readonly StoredRow[] {
    const overlaid = this.#overlay.rows(this.datasetId);
    if (overlaid.size === 0) return stored;
    const byKey = new Map(stored.map((row) => [keyText(row.key), row]));
    for (const [key, { row }] of overlaid) {
      if (row === undefined) byKey.delete(key);
      else if (isIn(key)) byKey.set(key, row);
    }
    return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  }

  #of<K extends Kind>(kind: K): { read: Extract<TableRead, { kind: K }>; result: TableResults[K] } {
    const at = this.#named.reads.findIndex((read) => read.kind === kind);
    if (at < 0) throw new FactsMissing(false);
    return {
      read: this.#named.reads[at] as Extract<TableRead, { kind: K }>,
      result: this.#results[at] as TableResults[K],
    };
  }

  #good<T extends object>(stored: Stored<T>): T | undefined {
    if (isDamage(stored)) throw damagedRefusal(this.#named.datasetName, stored);
    return stored;
  }
}

/** The refusal of a read that met something which is not what was written. */
export function damagedRefusal(dataset: string, { damaged }: Damage): Refusal {
  const { bucket, key, seq, problem } = damaged;
  const place = {
    ...(bucket !== undefined && { bucket: String(bucket) }),
    ...(key !== undefined && { key: Buffer.from(key).toString("hex") }),
    ...(seq !== undefined && { seq: String(seq) }),
  };
  return new Refusal(
    RefusalCode.DATA_LOSS,
    ErrorReason.DATASET_DAMAGED,
    `something stored of dataset ${JSON.stringify(dataset)} is not what was written (${problem}): restore a backup; the rest can be read`,
    { dataset, ...place },
  );
}

function headOf({ row }: OverlaidRow): RowHead | undefined {
  if (row === undefined) return undefined;
  const { seq, entryHash, key, value } = row;
  return { seq, entryHash, bytes: key.length + value.length };
}

function found<T>(result: readonly Stored<T>[], at: number): Stored<T> {
  if (at < 0 || at >= result.length) throw new FactsMissing(at >= 0);
  return result[at];
}

function indexOfKey(keys: readonly Uint8Array[], key: Uint8Array): number {
  const same = keys.indexOf(key);
  return same >= 0 ? same : keys.findIndex((each) => Buffer.compare(each, key) === 0);
}
