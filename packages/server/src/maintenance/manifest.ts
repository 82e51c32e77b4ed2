import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { errorCode, writeWholeFile } from "../data-folder/private-files.ts";
import type { Mark } from "../journal/sqlite/mark.ts";
import { DataFolderError } from "./data-folder-error.ts";

/** What a backup says of itself: with it, a part of it that is missing or older does not go unnoticed. */
export interface Manifest {
  /** When it was made, unix milliseconds. */
  readonly unixMs: number;
  /** Where each namespace ends in it. */
  readonly namespaces: ReadonlyMap<string, Mark>;
}

const MANIFEST_FORMAT = 1;

const manifestSchema = z.object({
  format: z.literal(MANIFEST_FORMAT),
  unix_ms: z.int().min(0),
  namespaces: z.array(
    z.object({
      namespace: z.string(),
      revision: z.string().regex(/^\d{1,19}$/),
      epoch: z.string().regex(/^\d{1,19}$/),
      chain: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

/** Writes the file `backup` into a folder. It comes last: a folder without it is no backup. */
export function writeManifest(folder: string, { unixMs, namespaces }: Manifest): void {
  const content = {
    format: MANIFEST_FORMAT,
    unix_ms: unixMs,
    namespaces: [...namespaces].map(([namespace, { revision, epoch, chain }]) => ({
      namespace,
      revision: String(revision),
      epoch: String(epoch),
      chain: Buffer.from(chain).toString("hex"),
    })),
  };
  writeWholeFile(join(folder, "backup"), `${JSON.stringify(content)}\n`);
}

/**
 * Reads the file `backup` of a folder; undefined without one.
 * @throws DataFolderError when it is not what was written
 */
export function readManifest(folder: string): Manifest | undefined {
  const path = join(folder, "backup");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
  const { format, ...parsed } = parse(path, text);
  return {
    unixMs: parsed.unix_ms,
    namespaces: new Map(
      parsed.namespaces.map(({ namespace, revision, epoch, chain }) => [
        namespace,
        { revision: BigInt(revision), epoch: BigInt(epoch), chain: Buffer.from(chain, "hex") },
      ]),
    ),
  };
}

function parse(path: string, text: string): z.output<typeof manifestSchema> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    content = undefined;
  }
  const parsed = manifestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new DataFolderError(
    `${path} is not what a backup of this version has: use the version that made the backup, or another backup.`,
  );
}
