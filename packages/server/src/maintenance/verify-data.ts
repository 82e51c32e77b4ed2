import { statSync } from "node:fs";
import { DEFAULT_LIMITS } from "@lockstep/protocol";
import { JournalOpenError } from "../journal/journal.ts";
import type { JournalFiles } from "../journal/sqlite/files.ts";
import type { Mark } from "../journal/sqlite/mark.ts";
import { openUntouched } from "../journal/sqlite/open-untouched.ts";
import {
  checkMark,
  checkNeverBegun,
  lookAtFiles,
  noticesOf,
  verifyUntouched,
} from "../journal/sqlite/prove.ts";
import { ReadOnlyJournal } from "../journal/sqlite/read-only-journal.ts";
import { damaged, orRefuse } from "../journal/sqlite/refusals.ts";
import { damageInTables } from "../journal/sqlite/tables/verify-tables.ts";
import type { Verified } from "../journal/sqlite/verify.ts";
import { coreCodec } from "../snapshot/core-codec.ts";
import { rebuildState, sourceOf } from "../snapshot/rebuild.ts";
import { lookAtFolder, whileHeld } from "./existing-folder.ts";
import { readManifest } from "./manifest.ts";

/** What a verified data folder holds. */
export interface VerifiedData {
  /** Absolute. */
  readonly folder: string;
  readonly clusterId: string;
  /** Whether it is a backup; where that ends is what its file `backup` says, not a mark. */
  readonly isBackup: boolean;
  readonly namespaces: readonly VerifiedNamespace[];
}

/** What a verified namespace holds. */
export interface VerifiedNamespace {
  readonly namespace: string;
  /** Of its last event, 0 for none. */
  readonly revision: bigint;
  readonly epoch: bigint;
  /** History is kept after this revision. */
  readonly floor: bigint;
  /** What the snapshot is of, 0 without one. */
  readonly snapshotRevision: bigint;
  /** How many events were replayed after it. */
  readonly replayedEvents: number;
  /** What a start would recover. */
  readonly sessions: number;
  readonly holds: number;
  readonly waiters: number;
  /** The size of its database and log. */
  readonly bytes: number;
  /** What people should know though all is good, one sentence each. */
  readonly notices: readonly string[];
}

/**
 * Proves of a data folder that no server uses, or of a backup, all that a start would: formats, the
 * write-ahead logs, every byte against the hash chain and the checksums, the end against the mark, and
 * that the events follow from one another when they are replayed. Changes nothing.
 * @param onNamespace called before each namespace is looked at
 * @throws DataFolderError, JournalOpenError: what a start would refuse
 */
export async function verifyData(
  folder: string,
  onNamespace: (namespace: string) => void = () => undefined,
): Promise<VerifiedData> {
  const { path, clusterId, journals } = lookAtFolder(folder);
  const manifest = readManifest(path);
  return whileHeld(path, async () => {
    const namespaces: VerifiedNamespace[] = [];
    for (const [namespace, files] of journals) {
      onNamespace(namespace);
      namespaces.push(await verifyNamespace(namespace, files, manifest?.namespaces.get(namespace)));
    }
    for (const name of manifest?.namespaces.keys() ?? []) {
      if (!journals.has(name)) throw missing(path, name);
    }
    return { folder: path, clusterId, isBackup: manifest !== undefined, namespaces };
  });
}

/** @param end where a backup says that it ends */
async function verifyNamespace(
  namespace: string,
  files: JournalFiles,
  end: Mark | undefined,
): Promise<VerifiedNamespace> {
  const lookedAt = lookAtFiles(files);
  if (lookedAt.file.format === 0) {
    checkNeverBegun(files, lookedAt, false);
    if (end !== undefined && end.revision > 0n) throw notTheEnd(files, 0n, end);
    return { ...NOTHING, namespace };
  }
  const verified = verifyUntouched(files, end === undefined ? lookedAt.mark : { mark: end });
  if (end === undefined) checkMark(files, verified, lookedAt.mark);
  else if (!verified.holdsMark || verified.end.revision !== end.revision) {
    throw notTheEnd(files, verified.end.revision, end);
  }
  checkTables(files);
  const notices = noticesOf(files, lookedAt.scan);
  return { namespace, ...(await replayed(files, verified)), bytes: sizeOf(files), notices };
}

/** @throws JournalOpenError DAMAGED when a row of a dataset is not what was written */
function checkTables(files: JournalFiles): void {
  const damage = orRefuse(files, () => {
    const database = openUntouched(files);
    try {
      return damageInTables(database);
    } finally {
      database.close();
    }
  });
  if (damage !== undefined) throw damaged(files.database, damage);
}

const NOTHING = {
  revision: 0n,
  epoch: 0n,
  floor: 0n,
  snapshotRevision: 0n,
  replayedEvents: 0,
  sessions: 0,
  holds: 0,
  waiters: 0,
  bytes: 0,
  notices: [],
};

async function replayed(files: JournalFiles, verified: Verified) {
  const journal = orRefuse(files, () => new ReadOnlyJournal(files, verified));
  try {
    const source = await sourceOf(journal);
    const { state, replayedEvents } = await rebuildState(source, DEFAULT_LIMITS, coreCodec);
    return {
      revision: verified.end.revision,
      epoch: verified.end.epoch,
      floor: verified.floor,
      snapshotRevision: verified.snapshot?.revision ?? 0n,
      replayedEvents,
      sessions: state.activeSessions,
      holds: state.holds.size,
      waiters: state.tickets.size,
    };
  } catch (error) {
    if (!(error instanceof JournalOpenError)) throw error;
    throw new JournalOpenError(error.problem, `${files.database}: ${error.message}.`, {
      cause: error,
    });
  } finally {
    journal.close();
  }
}

function sizeOf({ database, log }: JournalFiles): number {
  const sizes = [database, log].map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0);
}

function notTheEnd(files: JournalFiles, revision: bigint, end: Mark): JournalOpenError {
  return damaged(
    files.database,
    `it ends at revision ${revision}, the backup was made up to revision ${end.revision}`,
  );
}

function missing(path: string, namespace: string): JournalOpenError {
  return damaged(path, `the namespace ${JSON.stringify(namespace)} of the backup is missing`);
}
