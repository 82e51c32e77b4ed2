import { DatabaseSync } from "node:sqlite";
import type { StoredRow } from "@lockstep/replica";
import { SqliteStore } from "@lockstep/replica/sqlite";

/** What is in a replica's file, read after its process has ended. */
export interface Copy {
  readonly name: string;
  readonly seq: bigint;
  readonly logHash: Uint8Array;
  readonly rows: readonly StoredRow[];
  /** What the user's own table has, as `key=value@seq`, by key. */
  readonly projected: readonly string[];
}

/** How many buckets a digest has. */
export const BUCKETS = 65_536;

export async function copyIn(name: string, path: string): Promise<Copy> {
  const store = new SqliteStore({ path });
  const { published } = await store.load();
  const rows = await store.rowsOfBuckets(0, BUCKETS);
  await store.close();
  if (published === undefined) throw new Error(`${name} has no rows`);
  const database = new DatabaseSync(path, { readOnly: true });
  const own = database.prepare("SELECT key, value, seq FROM projected ORDER BY key").all();
  database.close();
  const projected = own.map(({ key, value, seq }) =>
    lineOf({ key: key as Uint8Array, value: value as Uint8Array, seq: BigInt(seq as number) }),
  );
  return { name, ...published.progress.cursor, rows, projected };
}

/** A row as a line. */
export function lineOf({ key, value, seq }: Pick<StoredRow, "key" | "value" | "seq">): string {
  return `${Buffer.from(key)}=${Buffer.from(value)}@${seq}`;
}
