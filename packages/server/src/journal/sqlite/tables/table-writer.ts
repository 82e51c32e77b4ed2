import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  changesChecksum,
  checkpointChecksum,
  headChecksum,
  recordChecksum,
  rowChecksum,
} from "./table-checksums.ts";
import { decodeWrites, type EncodedWrite } from "./write-encoding.ts";

type WriteOf<K extends EncodedWrite["kind"]> = Extract<EncodedWrite, { kind: K }>;

/** Writes what events do to datasets, in the transaction that is open. */
export class TableWriter {
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #changes: StatementSync;
  readonly #record: StatementSync;
  readonly #checkpoint: StatementSync;

  constructor(database: DatabaseSync) {
    this.#put = database.prepare(
      "INSERT INTO dataset_rows (dataset, key, bucket, seq, schema_version, entry_hash, bytes, head_checksum, checksum, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (dataset, key) DO UPDATE SET seq = excluded.seq, schema_version = excluded.schema_version, entry_hash = excluded.entry_hash, bytes = excluded.bytes, head_checksum = excluded.head_checksum, checksum = excluded.checksum, value = excluded.value",
    );
    this.#delete = database.prepare("DELETE FROM dataset_rows WHERE dataset = ? AND key = ?");
    this.#changes = database.prepare(
      "INSERT INTO changes (dataset, last_seq, first_seq, log_hash, checksum, bytes) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#record = database.prepare(
      "INSERT OR REPLACE INTO idempotency (dataset, key, seq, timestamp_ms, payload_hash, checksum) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#checkpoint = database.prepare(
      "INSERT INTO checkpoints (dataset, seq, log_hash, count, root, decided_at_ms, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
  }

  /** Writes what `encodeWrites` has put together. */
  write(encoded: Uint8Array): void {
    for (const write of decodeWrites(encoded)) this.#write(write);
  }

  #write(write: EncodedWrite): void {
    if (write.kind === "put") this.#writeRow(write);
    else if (write.kind === "delete") this.#delete.run(write.datasetId, write.key);
    else if (write.kind === "changes") this.#writeChanges(write);
    else if (write.kind === "record") this.#writeRecord(write);
    else this.#writeCheckpoint(write);
  }

  #writeRow({ datasetId, row }: WriteOf<"put">): void {
    const { key, bucket, seq, schemaVersion, entryHash, value } = row;
    const bytes = key.length + value.length;
    const head = headChecksum(datasetId, { key, bucket, seq, schemaVersion, entryHash, bytes });
    this.#put.run(
      datasetId,
      key,
      bucket,
      seq,
      schemaVersion,
      entryHash,
      bytes,
      head,
      rowChecksum(head, value),
      value,
    );
  }

  #writeChanges({ datasetId, ...changes }: WriteOf<"changes">): void {
    const { firstSeq, lastSeq, logHash, bytes } = changes;
    const checksum = changesChecksum(datasetId, changes);
    this.#changes.run(datasetId, lastSeq, firstSeq, logHash, checksum, bytes);
  }

  #writeRecord({ datasetId, idempotencyKey, record, timestampMs }: WriteOf<"record">): void {
    const { seq, payloadHash } = record;
    const checksum = recordChecksum(datasetId, idempotencyKey, seq, timestampMs, payloadHash);
    this.#record.run(datasetId, idempotencyKey, seq, timestampMs, payloadHash, checksum);
  }

  #writeCheckpoint({ datasetId, checkpoint, decidedAtMs }: WriteOf<"checkpoint">): void {
    const { seq, logHash, count, root } = checkpoint;
    const checksum = checkpointChecksum(datasetId, checkpoint, decidedAtMs);
    this.#checkpoint.run(datasetId, seq, logHash, count, root, decidedAtMs, checksum);
  }
}
