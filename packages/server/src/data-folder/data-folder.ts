import { join, resolve } from "node:path";
import { JournalOpenError } from "../journal/journal.ts";
import type { Random } from "../ports/random.ts";
import { type FolderLock, lockFolder } from "./folder-lock.ts";
import { namespaceFolderName } from "./folder-name.ts";
import { readOrMakeIdentity } from "./identity.ts";
import { nameFolder, namespacesIn } from "./namespace-folders.ts";
import { makePrivateFolder } from "./private-files.ts";

/** An opened data folder: this process is the only one that uses it. */
export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  /** The UUID made with the folder. */
  readonly clusterId: string;
  /**
   * The folder of a namespace's journal, made when it is missing.
   * @throws JournalOpenError NOT_WRITABLE
   */
  namespaceFolder(namespace: string): string;
  /**
   * The namespaces that have a folder here, in no particular order.
   * @throws JournalOpenError DAMAGED for a folder that belongs to none
   */
  namespaces(): readonly string[];
  /** Lets the folder go. Close the journals in it first. */
  close(): void;
}

/**
 * Opens a data folder, making it when it is missing, and holds it until `close` or the end of the
 * process. Folders are made with mode 0700, files with 0600, whatever the umask.
 *
 * ```
 * lock                        held for life, see folder-lock.ts
 * identity                    format version and cluster id
 * namespaces/<name>/          one journal each, see folder-name.ts
 * namespaces/~<hash>/name     the name of the namespace, where it is too long for that of a folder
 * ```
 * @throws JournalOpenError FOLDER_IN_USE, NOT_WRITABLE, NEWER_FORMAT or DAMAGED
 */
export function openDataFolder(folder: string, random: Random): DataFolder {
  const path = resolve(folder);
  return orNotWritable(path, () => {
    makePrivateFolder(path);
    const lock = lockFolder(path);
    try {
      return holdFolder(path, lock, random);
    } catch (error) {
      lock.release();
      throw error;
    }
  });
}

function holdFolder(path: string, lock: FolderLock, random: Random): DataFolder {
  const { clusterId } = readOrMakeIdentity(path, random);
  return {
    path,
    clusterId,
    namespaceFolder(namespace) {
      const inside = join(path, "namespaces", namespaceFolderName(namespace));
      orNotWritable(inside, () => {
        makePrivateFolder(join(path, "namespaces"));
        makePrivateFolder(inside);
        nameFolder(inside, namespace);
      });
      return inside;
    },
    namespaces: () => namespacesIn(join(path, "namespaces")),
    close: () => lock.release(),
  };
}

function orNotWritable<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (cause) {
    if (cause instanceof JournalOpenError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new JournalOpenError(
      "NOT_WRITABLE",
      `The data folder ${path} cannot be written (${why}): make it writable for this user, or choose another folder.`,
      { cause },
    );
  }
}
