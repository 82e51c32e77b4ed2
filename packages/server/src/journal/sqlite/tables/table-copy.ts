import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { prepare } from "./row-reader.ts";
import { DATASET_TABLE_NAMES } from "./table-schema.ts";

/** Whether any dataset has anything in a database. */
export function hasDatasetRows(database: DatabaseSync): boolean {
  return DATASET_TABLE_NAMES.some((table) => {
    return database.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get() !== undefined;
  });
}

/**
 * Copies the tables of datasets row by row, checksums included: what is damaged is damaged in the copy, too, and
 * known as such. `source` must be in a transaction in which its batches were copied as well.
 */
export function copyTables(source: DatabaseSync, target: DatabaseSync): void {
  target.exec("BEGIN IMMEDIATE");
  for (const table of DATASET_TABLE_NAMES) {
    const rows = prepare(source, `SELECT * FROM ${table}`);
    const places = rows.columns().map(() => "?");
    const insert = target.prepare(`INSERT INTO ${table} VALUES (${places.join(", ")})`);
    for (const row of rows.iterate() as Iterable<unknown>) insert.run(...(row as SQLInputValue[]));
  }
  target.exec("COMMIT");
}
