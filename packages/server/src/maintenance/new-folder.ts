import { existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { namespaceFolderName } from "../data-folder/folder-name.ts";
import { nameFolder } from "../data-folder/namespace-folders.ts";
import { makePrivateFolder, syncFolder } from "../data-folder/private-files.ts";
import { type JournalFiles, journalFiles } from "../journal/sqlite/files.ts";
import { DataFolderError } from "./data-folder-error.ts";

/** A folder that is being filled beside its place, and takes that place when it is complete. */
export interface NewFolder {
  /** Where it is filled. */
  readonly path: string;
  /** Makes the folder of a namespace's journal. */
  addNamespace(namespace: string): JournalFiles;
}

/**
 * Fills a folder so that at its place there is all of it or nothing, also after a loss of power.
 * @param place must be missing or empty
 * @throws DataFolderError when it is not; what `fill` throws, and then nothing is left of it
 */
export async function makeWholeFolder<T>(
  place: string,
  fill: (folder: NewFolder) => Promise<T>,
): Promise<T> {
  const target = resolve(place);
  const path = `${target}.partial`;
  refuseUnlessEmpty(target);
  if (existsSync(path)) {
    throw new DataFolderError(
      `${path} is left of an attempt that did not end: remove it when nothing works on it any more.`,
    );
  }
  try {
    makePrivateFolder(path);
    const result = await fill({ path, addNamespace: (namespace) => addNamespace(path, namespace) });
    syncFolder(path);
    renameSync(path, target);
    syncFolder(dirname(target));
    return result;
  } catch (error) {
    rmSync(path, { recursive: true, force: true });
    throw error;
  }
}

function refuseUnlessEmpty(target: string): void {
  if (!existsSync(target)) return;
  if (statSync(target).isDirectory() && readdirSync(target).length === 0) return;
  throw new DataFolderError(
    `${target} is not empty: nothing is overwritten, choose another folder.`,
  );
}

function addNamespace(path: string, namespace: string): JournalFiles {
  const inside = join(path, "namespaces", namespaceFolderName(namespace));
  makePrivateFolder(join(path, "namespaces"));
  makePrivateFolder(inside);
  nameFolder(inside, namespace);
  return journalFiles(inside);
}
