import { demand } from "../violation.ts";
import type { DatasetLog, RowsState } from "./dataset-log.ts";
import { type DigestScope, entryOf, type PlainRow } from "./plain-digest.ts";

/** What a replica has committed. */
export interface Committed {
  readonly replica: string;
  readonly seq: bigint;
  readonly logHash: Uint8Array;
  readonly scope: DigestScope;
  readonly rows: readonly PlainRow[];
  /** Somebody has changed rows behind its back, and it has not come to right rows since. */
  readonly damaged: boolean;
}

/** What a reader was shown: all rows there are. */
export interface Shown {
  readonly reader: string;
  readonly appliedSeq: bigint;
  readonly rows: readonly PlainRow[];
}

interface Place extends RowsState {
  readonly scope: DigestScope;
}

/** Every place at which a batch has ever ended, in whatever history, and who has been there. */
export class Positions {
  /** By log hash: that of a lost history is another. */
  readonly #places = new Map<string, Place>();
  /** The log hashes at which a replica has stood, by name. */
  readonly #stood = new Map<string, Map<string, bigint>>();
  readonly #entries = new Map<string, bigint>();

  /** A batch ends where this log ends. */
  add({ hashes, state, scope }: DatasetLog): void {
    this.#places.set(hashes.at(-1) ?? "", { ...state, scope });
  }

  /** A replica has committed a transaction. Returns whether its rows are right. */
  committed({ replica, seq, logHash, scope, rows, damaged }: Committed): boolean {
    const hash = Buffer.from(logHash).toString("hex");
    const place = this.#places.get(hash);
    demand(
      place?.seq === seq,
      "a replica stands at the end of a batch of the log",
      () => `${replica} stands at ${seq} with ${hash}; there it is ${place?.seq}`,
    );
    const right = this.#isAt(rows, { ...place, scope });
    demand(
      right || damaged,
      "a replica's rows are exactly those of its position",
      () => `${replica} has ${rows.length} rows at ${seq}, the log makes ${place.count} others`,
    );
    const stood = this.#stood.get(replica) ?? new Map<string, bigint>();
    this.#stood.set(replica, stood.set(hash, seq));
    return right;
  }

  /** A reader was shown rows: those after a whole batch. */
  shown({ reader, appliedSeq, rows }: Shown): void {
    const places = [...this.#places.values()].filter(({ seq }) => seq === appliedSeq);
    demand(
      places.some((place) => this.#isAt(rows, place)),
      "a batch is visible whole or not at all",
      () => `${reader} shows ${rows.length} rows as those at ${appliedSeq}`,
    );
  }

  /** Whether rows are those that this log has at the seq, and not those of another history. */
  isOf({ hashes }: DatasetLog, { appliedSeq, rows }: Omit<Shown, "reader">): boolean {
    const place = this.#places.get(hashes[Number(appliedSeq)] ?? "");
    return place !== undefined && this.#isAt(rows, place);
  }

  /** Which replicas have ever stood in this log at a seq or later. */
  whoReached({ hashes }: DatasetLog, seq: bigint): string[] {
    const reached = (stood: ReadonlyMap<string, bigint>) =>
      [...stood].some(([hash, at]) => at >= seq && hashes[Number(at)] === hash);
    return [...this.#stood].filter(([, stood]) => reached(stood)).map(([name]) => name);
  }

  #isAt(rows: readonly PlainRow[], { scope, sum, count }: Place): boolean {
    if (rows.length !== count) return false;
    return rows.reduce((all, row) => all + this.#entry(scope, row), 0n) === sum;
  }

  #entry(scope: DigestScope, row: PlainRow): bigint {
    const { key, value, seq, schemaVersion } = row;
    const parts = [scope.salt, key, value].map((bytes) => Buffer.from(bytes).toString("hex"));
    const name = `${parts.join()} ${seq} ${schemaVersion}`;
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const { number } = entryOf(scope, row);
    this.#entries.set(name, number);
    return number;
  }
}
