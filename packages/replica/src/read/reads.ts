import { fromBinary } from "@bufbuild/protobuf";
import { DatasetPolicySchema } from "@lockstep/protocol";
import { NotReadableError, StaleReadError } from "../errors.ts";
import type { Holdings } from "../holdings.ts";
import type { Row } from "../rows.ts";
import type { Standing } from "../standing.ts";

/** How fresh a read must be. */
export type Freshness =
  /** It shows every change that was acknowledged before the read began. */
  | { readonly level: "STRONG" }
  /** It shows every change that was acknowledged so long before. Default: the dataset's `max_staleness_ms`. */
  | { readonly level: "BOUNDED"; readonly maxStalenessMs?: number }
  /** It shows every change up to this one. */
  | { readonly level: "AT_LEAST"; readonly seq: bigint }
  /** It shows whatever is there. */
  | { readonly level: "EVENTUAL" };

/** What every read takes. */
export interface ReadOptions {
  /** Default STRONG, as at the server. */
  readonly freshness?: Freshness;
  /** How long to wait until it can be as fresh, milliseconds. Default 5,000 for STRONG, otherwise 0. */
  readonly waitMs?: number;
  /** Ends the wait: the read rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How fresh a read was. */
export interface ReadPosition {
  /** It shows exactly the changes up to here. */
  readonly appliedSeq: bigint;
  /** It shows every change acknowledged this long before, milliseconds; Infinity when nothing is known. Never below the truth. */
  readonly stalenessMs: number;
  /** A checkpoint has shown that the rows are right up to here. */
  readonly verifiedSeq: bigint;
}

/** What `scan` takes. */
export interface ScanOptions extends ReadOptions {
  /** Only keys that start with this. Default: all. */
  readonly prefix?: Uint8Array;
  /** Only keys above this: the last one of the page before. Default: from the beginning. */
  readonly afterKey?: Uint8Array;
  /** At most so many rows, 1 to 10,000. Default 100. */
  readonly limit?: number;
}

const STRONG_WAIT_MS = 5_000;
const MAX_STALENESS_MS_DEFAULT = 10_000;
const NO_BYTES = new Uint8Array();

/** Reads what a replica has, and says how fresh that is. */
export class Reads<Tx> {
  readonly #holdings: Holdings<Tx>;
  readonly #standing: Standing<Tx>;

  constructor(holdings: Holdings<Tx>, standing: Standing<Tx>) {
    this.#holdings = holdings;
    this.#standing = standing;
  }

  /** @throws NotReadableError when the time is over, what has stopped the replica, the signal's reason */
  async ready({
    waitMs = Number.POSITIVE_INFINITY,
    signal,
  }: Pick<ReadOptions, "waitMs" | "signal">): Promise<void> {
    const standing = this.#standing;
    if (!(await standing.until(() => standing.readable, waitMs, signal))) throw this.#notReadable();
  }

  /** @throws StaleReadError, NotReadableError, what has stopped the replica, the signal's reason */
  async get(
    key: Uint8Array,
    options: ReadOptions,
  ): Promise<{ readonly row: Row | undefined; readonly position: ReadPosition }> {
    return await this.#read(options, async () => {
      const { row, appliedSeq } = await this.#holdings.store.get(key);
      return { row: row && shown(row), appliedSeq };
    });
  }

  /** @throws RangeError for a limit that cannot be, and what `get` throws */
  async scan(options: ScanOptions): Promise<{
    readonly rows: readonly Row[];
    readonly more: boolean;
    readonly position: ReadPosition;
  }> {
    const { prefix = NO_BYTES, afterKey = NO_BYTES, limit = 100 } = options;
    if (!Number.isInteger(limit) || limit < 1 || limit > 10_000)
      throw new RangeError(`limit is a whole number from 1 to 10000, not ${limit}`);
    return await this.#read(options, async () => {
      const { rows, more, appliedSeq } = await this.#holdings.store.scan(prefix, afterKey, limit);
      return { rows: rows.map(shown), more, appliedSeq };
    });
  }

  async #read<T extends { readonly appliedSeq: bigint }>(
    options: ReadOptions,
    read: () => Promise<T>,
  ): Promise<Omit<T, "appliedSeq"> & { readonly position: ReadPosition }> {
    await this.#beFresh(options);
    // Taken before the rows are read: these may be newer than what is said of them, never older.
    const stalenessMs = this.#standing.freshness.stalenessMs();
    const verifiedSeq = this.#holdings.published?.progress.verifiedSeq ?? 0n;
    const { appliedSeq, ...result } = await read();
    if (!this.#standing.readable) throw this.#notReadable();
    return { ...result, position: { appliedSeq, stalenessMs, verifiedSeq } };
  }

  async #beFresh({ freshness = { level: "STRONG" }, waitMs, signal }: ReadOptions): Promise<void> {
    const standing = this.#standing;
    const { level } = freshness;
    const asked = standing.freshness.asked;
    const isFresh = this.#conditionOf(freshness, asked);
    const holds = () => standing.readable && isFresh();
    if (level === "STRONG" || (level === "BOUNDED" && !holds())) standing.askHead?.();
    const ms = waitMs ?? (level === "STRONG" ? STRONG_WAIT_MS : 0);
    if (await standing.until(holds, ms, signal)) return;
    if (!standing.readable) throw this.#notReadable();
    const applied = this.#holdings.published?.progress.cursor.seq ?? 0n;
    const { freshness: known, disconnectedBy } = standing;
    throw new StaleReadError(wantedOf(freshness), applied, known.stalenessMs(), disconnectedBy);
  }

  #conditionOf(wanted: Freshness, asked: number): () => boolean {
    const { freshness } = this.#standing;
    switch (wanted.level) {
      case "STRONG":
        return () => freshness.freshAsOf > asked;
      case "BOUNDED": {
        const max = wanted.maxStalenessMs ?? this.#maxStalenessMs();
        return () => freshness.stalenessMs() <= max;
      }
      case "AT_LEAST":
        return () => (this.#holdings.published?.progress.cursor.seq ?? 0n) >= wanted.seq;
      case "EVENTUAL":
        return () => true;
    }
  }

  #maxStalenessMs(): number {
    const { policy } = this.#holdings.published?.progress ?? {};
    if (!policy) return MAX_STALENESS_MS_DEFAULT;
    const { maxStalenessMs } = fromBinary(DatasetPolicySchema, policy);
    return Number(maxStalenessMs) || MAX_STALENESS_MS_DEFAULT;
  }

  #notReadable(): NotReadableError {
    const { quarantine } = this.#holdings.published?.progress ?? {};
    const { disconnectedBy } = this.#standing;
    return new NotReadableError(
      quarantine || "its first snapshot is not there yet",
      disconnectedBy,
    );
  }
}

function wantedOf(freshness: Freshness): string {
  switch (freshness.level) {
    case "AT_LEAST":
      return `seq ${freshness.seq}`;
    case "BOUNDED":
      return `at most ${freshness.maxStalenessMs ?? "the dataset's max_staleness_ms"} ms old`;
    default:
      return "what was acknowledged before the read began";
  }
}

function shown({ key, value, seq, schemaVersion }: Row): Row {
  return { key, value, seq, schemaVersion };
}
