import { readFileSync } from "node:fs";
import { join } from "node:path";
import { JournalOpenError } from "../journal/journal.ts";
import type { Random } from "../ports/random.ts";
import { errorCode, writeWholeFile } from "./private-files.ts";

/** The newest layout of a data folder this code knows. */
const DATA_FOLDER_FORMAT = 1;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What tells one data folder from all others. */
export interface Identity {
  /** A UUID made with the folder; every reply carries it. */
  readonly clusterId: string;
}

/**
 * Reads the `identity` file of a data folder, a JSON object `{format, cluster_id}`; undefined without
 * one.
 * @throws JournalOpenError NEWER_FORMAT or DAMAGED
 */
export function readIdentity(folder: string): Identity | undefined {
  const path = join(folder, "identity");
  const text = readIfThere(path);
  return text === undefined ? undefined : parseIdentity(path, text);
}

/**
 * As `readIdentity`; a folder without one gets a new identity.
 * @throws JournalOpenError NEWER_FORMAT or DAMAGED
 */
export function readOrMakeIdentity(folder: string, random: Random): Identity {
  const found = readIdentity(folder);
  if (found !== undefined) return found;
  const made = { clusterId: random.uuid() };
  writeIdentity(folder, made);
  return made;
}

/** Writes the `identity` file of a new data folder. */
export function writeIdentity(folder: string, { clusterId }: Identity): void {
  const content = { format: DATA_FOLDER_FORMAT, cluster_id: clusterId };
  writeWholeFile(join(folder, "identity"), `${JSON.stringify(content)}\n`);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function parseIdentity(path: string, text: string): Identity {
  const { format, cluster_id: clusterId } = parseObject(text);
  if (typeof format === "number" && format > DATA_FOLDER_FORMAT) {
    throw new JournalOpenError(
      "NEWER_FORMAT",
      `${path} says that the data folder has format ${format}, this version knows formats up to ${DATA_FOLDER_FORMAT}: start a newer version of the server.`,
    );
  }
  if (format !== DATA_FOLDER_FORMAT || typeof clusterId !== "string" || !UUID.test(clusterId)) {
    throw new JournalOpenError(
      "DAMAGED",
      `${path} is damaged: restore that file from a backup of this data folder.`,
    );
  }
  return { clusterId };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
