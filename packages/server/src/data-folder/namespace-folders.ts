import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { JournalOpenError } from "../journal/journal.ts";
import { isHashed, namespaceFolderName, namespaceOfFolder } from "./folder-name.ts";
import { errorCode, writeWholeFile } from "./private-files.ts";

/** Writes the name of a namespace into its folder where the folder's own name does not tell it. */
export function nameFolder(folder: string, namespace: string): void {
  const file = nameFile(folder);
  if (isHashed(basename(folder)) && !existsSync(file)) writeWholeFile(file, namespace);
}

/**
 * The namespaces whose folders lie here.
 * @throws JournalOpenError DAMAGED for a folder that belongs to none
 */
export function namespacesIn(folder: string): readonly string[] {
  const namespaces: string[] = [];
  for (const name of foldersIn(folder)) {
    const inside = join(folder, name);
    const namespace = isHashed(name) ? nameInside(inside) : namespaceOfFolder(name);
    if (namespace !== undefined && namespaceFolderName(namespace) === name) {
      namespaces.push(namespace);
    } else if (!isUnused(inside)) {
      throw new JournalOpenError("DAMAGED", damaged(inside));
    }
  }
  return namespaces;
}

/** A process may have ended between making the folder and naming it. */
function isUnused(folder: string): boolean {
  return isHashed(basename(folder)) && readdirSync(folder).every((file) => file === "name.new");
}

function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

function nameInside(folder: string): string | undefined {
  try {
    return readFileSync(nameFile(folder), "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function nameFile(folder: string): string {
  return join(folder, "name");
}

function damaged(folder: string): string {
  return isHashed(basename(folder))
    ? `${nameFile(folder)}, the name of the namespace, is missing or spoilt: restore that file, it is the name and nothing else.`
    : `${folder} is not the folder of a namespace: move what does not belong there elsewhere.`;
}
