import { resolve } from "node:path";
import { writeIdentity } from "../data-folder/identity.ts";
import {
  type CopiedNamespace,
  type CopyProgress,
  copiedNamespace,
  copyNamespace,
} from "./copy-namespaces.ts";
import { DataFolderError } from "./data-folder-error.ts";
import { lookAtFolder } from "./existing-folder.ts";
import { readManifest } from "./manifest.ts";
import { makeWholeFolder } from "./new-folder.ts";
import { verifyData } from "./verify-data.ts";

/** What was restored. */
export interface RestoredData {
  /** The data folder, absolute. */
  readonly folder: string;
  readonly clusterId: string;
  readonly namespaces: readonly CopiedNamespace[];
}

/**
 * Makes a data folder from a backup, after it has proven the backup. There is no mark in it, because
 * nothing shows that the backup holds everything that was acknowledged: a server asks for a new lineage.
 * @param to the data folder, missing or empty
 * @throws DataFolderError, JournalOpenError; then nothing was restored
 */
export async function restoreData(
  from: string,
  to: string,
  onProgress: (progress: CopyProgress) => void = () => undefined,
): Promise<RestoredData> {
  const source = lookAtFolder(from);
  const manifest = readManifest(source.path);
  if (manifest === undefined) {
    throw new DataFolderError(
      `${source.path} is no backup that \`lockstep backup\` has completed: its file named backup is missing.`,
    );
  }
  await verifyData(source.path);
  const target = resolve(to);
  return makeWholeFolder(target, async (folder) => {
    const namespaces: CopiedNamespace[] = [];
    for (const [namespace, files] of source.journals) {
      const mark = manifest.namespaces.get(namespace);
      const copied = copyNamespace({
        namespace,
        from: files,
        to: folder,
        mark,
        isUnused: true,
        onProgress,
      });
      namespaces.push(copiedNamespace(namespace, copied));
    }
    writeIdentity(folder.path, source);
    return { folder: target, clusterId: source.clusterId, namespaces };
  });
}
