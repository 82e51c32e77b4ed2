import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { SnapshotPosition } from "../journal.ts";
import {
  type Base,
  baseChecksum,
  CHUNKS_START,
  chunkChecksum,
  type SnapshotHead,
  snapshotChecksum,
} from "./checksums.ts";
import { asBytes, asInteger, BatchDamage, isEqual } from "./columns.ts";

interface StoredChunk {
  readonly bytes: Uint8Array;
  readonly checksum: Uint8Array;
}

/** The tables of a database that hold the snapshot and the base of the chain. */
export class SnapshotTable {
  readonly #base: StatementSync;
  readonly #writeBase: StatementSync;
  readonly #head: StatementSync;
  readonly #writeHead: StatementSync;
  readonly #lastNumber: StatementSync;
  readonly #chunk: StatementSync;
  readonly #writeChunk: StatementSync;
  readonly #dropChunks: StatementSync;

  constructor(database: DatabaseSync) {
    const prepare = (sql: string) => {
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      return statement;
    };
    this.#base = prepare("SELECT revision, epoch, floor, chain, checksum FROM base");
    this.#writeBase = prepare("INSERT OR REPLACE INTO base VALUES (1, ?, ?, ?, ?, ?)");
    this.#head = prepare("SELECT revision, epoch, first_chunk, chunks, checksum FROM snapshot");
    this.#writeHead = prepare("INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?, ?, ?, ?)");
    this.#lastNumber = prepare("SELECT max(number) AS number FROM snapshot_chunks");
    this.#chunk = prepare("SELECT bytes, checksum FROM snapshot_chunks WHERE number = ?");
    this.#writeChunk = prepare("INSERT INTO snapshot_chunks VALUES (?, ?, ?)");
    this.#dropChunks = prepare(
      "DELETE FROM snapshot_chunks WHERE number IN (SELECT number FROM snapshot_chunks WHERE (number < ?1 OR number >= ?2) AND (number < ?3) LIMIT ?4)",
    );
  }

  /**
   * Where the chain goes on; undefined when nothing was dropped.
   * @throws BatchDamage
   */
  base(): Base | undefined {
    const rows = this.#base.all();
    const [row] = rows;
    if (row === undefined) return undefined;
    const base = {
      revision: asInteger(row.revision),
      epoch: asInteger(row.epoch),
      floor: asInteger(row.floor),
      chain: asBytes(row.chain),
    };
    if (rows.length === 1 && isEqual(asBytes(row.checksum), baseChecksum(base))) return base;
    throw new BatchDamage(
      `the base of the chain, at revision ${base.revision}, is not what was written`,
    );
  }

  writeBase(base: Base): void {
    const { revision, epoch, floor, chain } = base;
    this.#writeBase.run(revision, epoch, floor, chain, baseChecksum(base));
  }

  /** The complete snapshot as its row says, unproven; undefined without one. @throws BatchDamage */
  head(): (SnapshotHead & { readonly checksum: Uint8Array }) | undefined {
    const rows = this.#head.all();
    const [row] = rows;
    if (row === undefined) return undefined;
    if (rows.length > 1) throw new BatchDamage("it has more than one snapshot");
    return {
      revision: asInteger(row.revision),
      epoch: asInteger(row.epoch),
      firstChunk: asInteger(row.first_chunk),
      chunks: asInteger(row.chunks),
      checksum: asBytes(row.checksum),
    };
  }

  writeHead(head: SnapshotHead, lastChunk: Uint8Array): void {
    const { revision, epoch, firstChunk, chunks } = head;
    const checksum = snapshotChecksum(head, lastChunk);
    this.#writeHead.run(revision, epoch, firstChunk, chunks, checksum);
  }

  /** A chunk and its checksum, unproven; undefined when it is not there. */
  chunk(number: bigint): StoredChunk | undefined {
    const row = this.#chunk.get(number);
    return row && { bytes: asBytes(row.bytes), checksum: asBytes(row.checksum) };
  }

  /**
   * A chunk of the complete snapshot, compared with its checksum; undefined when another snapshot has
   * taken the place of the one it belonged to.
   * @param first the number of that one's first chunk
   * @throws BatchDamage naming the snapshot's revision
   */
  provenChunk(number: bigint, first: bigint): Uint8Array | undefined {
    const head = this.head();
    if (head?.firstChunk !== first) return undefined;
    const before = number === first ? CHUNKS_START : this.chunk(number - 1n)?.checksum;
    const chunk = this.chunk(number);
    const ordinal = number - first + 1n;
    if (before === undefined || chunk === undefined || !isNext(before, chunk)) {
      throw snapshotDamage(head, `chunk ${ordinal} is not what was written`);
    }
    if (
      ordinal === head.chunks &&
      !isEqual(head.checksum, snapshotChecksum(head, chunk.checksum))
    ) {
      throw snapshotDamage(head, "it is not what was written");
    }
    return chunk.bytes;
  }

  writeChunk(number: bigint, bytes: Uint8Array, checksum: Uint8Array): void {
    this.#writeChunk.run(number, bytes, checksum);
  }

  /** The number of a chunk that is above all there ever were. */
  nextNumber(): bigint {
    const last = this.#lastNumber.get()?.number;
    return typeof last === "bigint" ? last + 1n : 1n;
  }

  /**
   * Drops chunks that belong neither to the complete snapshot nor to one being written.
   * @param from the first chunk of the one being written; those from here on stay
   * @returns how many were dropped
   */
  dropChunks(from: bigint, atMost: number): number {
    const head = this.head();
    const first = head?.firstChunk ?? 0n;
    const end = first + (head?.chunks ?? 0n);
    return Number(this.#dropChunks.run(first, end, from, atMost).changes);
  }

  /**
   * Reads every chunk of the complete snapshot and compares it with the checksums.
   * @returns what it is of; undefined without one
   * @throws BatchDamage naming the snapshot's revision
   */
  verify(): SnapshotPosition | undefined {
    const head = this.head();
    if (head === undefined) return undefined;
    let checksum = CHUNKS_START;
    for (let ordinal = 0n; ordinal < head.chunks; ordinal += 1n) {
      const chunk = this.chunk(head.firstChunk + ordinal);
      if (chunk === undefined) throw snapshotDamage(head, `chunk ${ordinal + 1n} is missing`);
      if (!isNext(checksum, chunk)) {
        throw snapshotDamage(head, `chunk ${ordinal + 1n} is not what was written`);
      }
      ({ checksum } = chunk);
    }
    if (!isEqual(head.checksum, snapshotChecksum(head, checksum))) {
      throw snapshotDamage(head, "it is not what was written");
    }
    return { revision: head.revision, epoch: head.epoch };
  }
}

/** Whether a chunk is what was written after one with this checksum. */
function isNext(before: Uint8Array, { bytes, checksum }: StoredChunk): boolean {
  return isEqual(checksum, chunkChecksum(before, bytes));
}

function snapshotDamage({ revision }: SnapshotPosition, what: string): BatchDamage {
  return new BatchDamage(`the snapshot of revision ${revision} cannot be used: ${what}`);
}
