import type { ServerConfig } from "../config/settings.ts";
import { openDataFolder } from "../data-folder/data-folder.ts";
import type { Lineage } from "../executor/open-namespace.ts";
import type { Journal } from "../journal/journal.ts";
import { MemoryJournal } from "../journal/memory.ts";
import { openSqliteJournal } from "../journal/sqlite/sqlite-journal.ts";
import { systemClock } from "../ports/clock.ts";
import { systemRandom } from "../ports/random.ts";

/** Where the journals of a server are kept. This process is the only one that uses it. */
export interface Storage {
  /** Identity of the data, fixed when it was created. */
  readonly clusterId: string;
  /** The data folder, absolute; undefined when the data is in memory. */
  readonly path: string | undefined;
  /** The new lineage that every journal begins which is opened at the start; undefined without one. */
  readonly lineage: Lineage | undefined;
  /**
   * The namespaces that have data here.
   * @throws JournalOpenError
   */
  namespaces(): readonly string[];
  /**
   * Opens the journal of a namespace, making it when there is none.
   * @throws JournalOpenError
   */
  openJournal(namespace: string, lineage: Lineage | undefined): Promise<Journal>;
  /** The lineage of a namespace that is made while the server runs; undefined where none is needed. */
  lineageOfNew(): Lineage | undefined;
  /** Lets it go. Close the journals first. */
  close(): void;
}

/**
 * Opens what a configuration names.
 * @param onNotice called with what people should know though the data is good, one sentence each
 * @throws JournalOpenError when the data folder cannot be used
 */
export function openStorage(config: ServerConfig, onNotice: (sentence: string) => void): Storage {
  if (config.journal === "memory") return memoryStorage(config);
  const folder = openDataFolder(config.dataFolder, systemRandom);
  return {
    clusterId: folder.clusterId,
    path: folder.path,
    lineage: config.newLineage ? newLineage(config) : undefined,
    namespaces: () => folder.namespaces(),
    openJournal: (namespace, lineage) =>
      openSqliteJournal({
        folder: folder.namespaceFolder(namespace),
        onNotice,
        ...(lineage && { newLineage: lineage }),
      }),
    // What is made now may have been there before, and not in the backup.
    lineageOfNew: () => (config.newLineage ? newLineage(config) : undefined),
    close: () => folder.close(),
  };
}

/** Nothing proves what a journal in memory held before: every one begins a new lineage. */
function memoryStorage(config: ServerConfig): Storage {
  return {
    clusterId: systemRandom.uuid(),
    path: undefined,
    lineage: newLineage(config),
    namespaces: () => [],
    openJournal: async (_, lineage) =>
      new MemoryJournal(lineage === undefined ? {} : { newLineage: lineage }),
    lineageOfNew: () => newLineage(config),
    close: () => undefined,
  };
}

/** Above all ever used, because the real clock only goes forward; under virtual time too. */
function newLineage({ development, testClock, limits }: ServerConfig): Lineage {
  const unixMs = BigInt(systemClock.unixMs());
  const grantPauseMs = development || testClock ? 0 : limits.max_ttl_ms;
  return { epoch: unixMs, revision: unixMs * 1_000n, grantPauseMs };
}
