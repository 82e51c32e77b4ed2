import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { compareNames } from "@lockstep/protocol";
import { type FolderLock, lockFolder } from "../data-folder/folder-lock.ts";
import { namespaceFolderName } from "../data-folder/folder-name.ts";
import { readIdentity } from "../data-folder/identity.ts";
import { namespacesIn } from "../data-folder/namespace-folders.ts";
import { type JournalFiles, journalFiles } from "../journal/sqlite/files.ts";
import { DataFolderError } from "./data-folder-error.ts";

/** A data folder that is there. Nothing is made in it. */
export interface ExistingFolder {
  /** Absolute. */
  readonly path: string;
  readonly clusterId: string;
  /** The namespaces in it, by name, each with the files of its journal. */
  readonly journals: ReadonlyMap<string, JournalFiles>;
}

/**
 * Looks at a data folder or a backup.
 * @throws DataFolderError when there is none; JournalOpenError when it is damaged or of a newer version
 */
export function lookAtFolder(folder: string): ExistingFolder {
  const path = resolve(folder);
  const identity = existsSync(path) ? readIdentity(path) : undefined;
  if (identity === undefined) {
    throw new DataFolderError(
      `There is no data of a server in ${path}: give the folder that a server was given with --data, or a backup.`,
    );
  }
  const inside = join(path, "namespaces");
  const names = [...namespacesIn(inside)].sort(compareNames);
  const journals = new Map(
    names.map((name) => [name, journalFiles(join(inside, namespaceFolderName(name)))]),
  );
  return { path, clusterId: identity.clusterId, journals };
}

/**
 * Holds a data folder while `use` runs, so that no server begins to use it. A folder without a lock
 * file, such as a backup, was never used by one and stays without.
 * @throws JournalOpenError FOLDER_IN_USE
 */
export async function whileHeld<T>(path: string, use: () => T | Promise<T>): Promise<T> {
  const lock: FolderLock | undefined = existsSync(join(path, "lock"))
    ? lockFolder(path)
    : undefined;
  try {
    return await use();
  } finally {
    lock?.release();
  }
}
