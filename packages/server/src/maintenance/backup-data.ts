import { resolve, sep } from "node:path";
import { writeIdentity } from "../data-folder/identity.ts";
import { JournalOpenError } from "../journal/journal.ts";
import type { JournalFiles } from "../journal/sqlite/files.ts";
import { type Mark, readMark } from "../journal/sqlite/mark.ts";
import { checkMark, checkNeverBegun, lookAtFiles } from "../journal/sqlite/prove.ts";
import { readDatabaseFile } from "../journal/sqlite/schema.ts";
import { systemClock } from "../ports/clock.ts";
import {
  type CopiedNamespace,
  type CopyProgress,
  copiedNamespace,
  copyNamespace,
} from "./copy-namespaces.ts";
import { DataFolderError } from "./data-folder-error.ts";
import { type ExistingFolder, lookAtFolder, whileHeld } from "./existing-folder.ts";
import { writeManifest } from "./manifest.ts";
import { makeWholeFolder } from "./new-folder.ts";

/** What a backup holds. */
export interface BackedUpData {
  /** Where it is, absolute. */
  readonly folder: string;
  readonly clusterId: string;
  readonly namespaces: readonly CopiedNamespace[];
}

/**
 * Makes a backup of a data folder; a server may use it meanwhile. Every byte is compared with the hash
 * chain and the checksums on its way, and the copy is read back. The mark is left out, so that a server
 * which is started on what was restored asks for a new lineage.
 * @param to the folder of the backup, missing or empty
 * @throws DataFolderError, JournalOpenError; then there is no backup
 */
export async function backupData(
  from: string,
  to: string,
  onProgress: (progress: CopyProgress) => void = () => undefined,
): Promise<BackedUpData> {
  const source = lookAtFolder(from);
  const target = resolve(to);
  if (`${target}${sep}`.startsWith(`${source.path}${sep}`)) {
    throw new DataFolderError(`${target} lies in the data folder itself: choose another folder.`);
  }
  await lookIfUnused(source);
  return makeWholeFolder(target, async (folder) => {
    const namespaces: CopiedNamespace[] = [];
    const ends = new Map<string, Mark>();
    for (const [namespace, files] of source.journals) {
      if (hasNothing(files)) continue;
      const mark = readMark(files.mark);
      const copied = copyNamespace({
        namespace,
        from: files,
        to: folder,
        mark: mark.mark,
        // A server may begin to use it at any time.
        isUnused: false,
        onProgress,
      });
      checkMark(files, copied, mark);
      ends.set(namespace, copied.end);
      namespaces.push(copiedNamespace(namespace, copied));
    }
    writeIdentity(folder.path, source);
    writeManifest(folder.path, { unixMs: systemClock.unixMs(), namespaces: ends });
    return { folder: target, clusterId: source.clusterId, namespaces };
  });
}

/** Where no server writes, the write-ahead logs can be proven too; where one does, it has done so. */
async function lookIfUnused({ path, journals }: ExistingFolder): Promise<void> {
  try {
    await whileHeld(path, () => {
      for (const files of journals.values()) lookAtFiles(files);
    });
  } catch (error) {
    if (!(error instanceof JournalOpenError) || error.problem !== "FOLDER_IN_USE") throw error;
  }
}

/** Of a namespace whose first batch was never written there is nothing to copy. */
function hasNothing(files: JournalFiles): boolean {
  const file = readDatabaseFile(files.database);
  if (file.format > 0) return false;
  checkNeverBegun(files, { file, mark: readMark(files.mark) }, false);
  return true;
}
