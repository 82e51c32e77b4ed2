import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Dataset } from "@lockstep/protocol";
import { CommandError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";

/** What a replica's SQLite file says of itself, before anything is done with it. */
export interface ReplicaFile {
  readonly path: string;
  readonly seq: bigint;
  readonly rows: number;
  readonly quarantine: string;
  /** It has tables that are not the replica's: those a user projects into. */
  readonly hasUserTables: boolean;
}

/**
 * Looks at a replica's SQLite file without changing it.
 * @throws CommandError when it is none, or one of another dataset
 */
export function readReplicaFile(path: string, dataset: Dataset | undefined): ReplicaFile {
  const unusable = (problem: string) => new CommandError(EXIT.usage, `${path} ${problem}`);
  if (!existsSync(path)) throw unusable("does not exist: give the SQLite file of a replica");
  let file: ReplicaFile & { readonly datasetId: bigint };
  try {
    file = readFile(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw unusable(`cannot be read as the SQLite file of a replica: ${why}`);
  }
  const { datasetId } = file;
  if (datasetId === 0n) throw unusable("has no rows yet: its replica has taken no snapshot so far");
  if (dataset !== undefined && datasetId !== dataset.datasetId) {
    throw unusable(
      `is a replica of the dataset with the id ${datasetId}, and ${dataset.dataset} has ${dataset.datasetId}: give its own dataset, or another file. If ${dataset.dataset} was made anew, the replica starts anew by itself`,
    );
  }
  return file;
}

function readFile(path: string): ReplicaFile & { readonly datasetId: bigint } {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const progress = "SELECT dataset_id, seq, quarantine FROM lockstep_progress";
    const statement = database.prepare(`${progress} WHERE table_name = 'published'`);
    statement.setReadBigInts(true);
    const published = statement.get();
    const slot = database.prepare("SELECT published_slot FROM lockstep_store").get();
    const table = `lockstep_rows_${slot?.published_slot === 1 ? 1 : 0}`;
    const count = database.prepare(`SELECT count(*) AS rows FROM ${table}`).get();
    const own = "name LIKE 'lockstep\\_%' ESCAPE '\\' OR name LIKE 'sqlite\\_%' ESCAPE '\\'";
    const others = `SELECT name FROM sqlite_schema WHERE type = 'table' AND NOT (${own}) LIMIT 1`;
    return {
      path,
      datasetId: (published?.dataset_id as bigint | undefined) ?? 0n,
      seq: (published?.seq as bigint | undefined) ?? 0n,
      quarantine: String(published?.quarantine ?? ""),
      rows: Number(count?.rows ?? 0),
      hasUserTables: database.prepare(others).get() !== undefined,
    };
  } finally {
    database.close();
  }
}
