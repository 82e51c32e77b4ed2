import {
  chmodSync,
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

const FOLDER_MODE = 0o700;
const PARENT_MODE = 0o777;
const FILE_MODE = 0o600;

/**
 * Creates a folder that only its owner can enter, whatever the umask, and makes its name durable.
 * Parents that are missing come with it; a folder that exists stays as it is.
 */
export function makePrivateFolder(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  // Not `recursive`: Node never returns from it where a parent exists but takes no folders, as /proc.
  makeFolder(parent);
  mkdirSync(path, { mode: FOLDER_MODE });
  chmodSync(path, FOLDER_MODE);
  syncFolder(parent);
}

function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: PARENT_MODE });
  syncFolder(dirname(path));
}

/**
 * Creates an empty file that only its owner can read, whatever the umask. A file that exists is not
 * even opened: closing any descriptor of a file drops the process's POSIX locks on it.
 * @returns whether the file is new
 */
export function makePrivateFile(path: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(path, "wx", FILE_MODE);
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
  try {
    fchmodSync(descriptor, FILE_MODE);
  } finally {
    closeSync(descriptor);
  }
  return true;
}

/** Writes a private file so that after a crash there is the whole file or none. */
export function writeWholeFile(path: string, content: string): void {
  const temporary = `${path}.new`;
  const descriptor = openSync(temporary, "w", FILE_MODE);
  try {
    fchmodSync(descriptor, FILE_MODE);
    writeSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** Makes the names in a folder durable: what was created, renamed or removed in it stays so. */
export function syncFolder(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The system's name of an error, such as ENOENT; undefined when it has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
