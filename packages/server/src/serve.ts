import type { Durability } from "@lockstep/protocol";
import type { DestinationStream } from "pino";
import type { ServerConfig } from "./config/settings.ts";
import { openDataFolder } from "./data-folder/data-folder.ts";
import { type Lineage, openNamespace } from "./executor/open-namespace.ts";
import type { Journal } from "./journal/journal.ts";
import { MemoryJournal } from "./journal/memory.ts";
import { openSqliteJournal } from "./journal/sqlite/sqlite-journal.ts";
import { createLog } from "./log/log.ts";
import { systemClock } from "./ports/clock.ts";
import { systemRandom } from "./ports/random.ts";
import { VirtualClock } from "./ports/virtual-clock.ts";
import { type RunningServer, startServer } from "./server.ts";
import { serverVersion } from "./version.ts";

/** The only namespace there is so far. */
const DEFAULT_NAMESPACE = "default";

/** A server together with the data it serves. */
export interface ServedData extends RunningServer {
  /** Where the data is kept; undefined when it is in memory. */
  readonly dataFolder: string | undefined;
  /** What an acknowledged event survives. */
  readonly durability: Durability;
  /** How long nothing is granted because a new lineage began, milliseconds. */
  readonly grantPauseMs: number;
  /** Settles when the journal failed and the process must end: the next start reads what is there. */
  readonly failed: Promise<Error>;
}

/**
 * Opens the data a configuration names and serves it.
 * @throws JournalOpenError when the data must not be served as it is.
 * @throws ListenError when the address cannot be listened on.
 */
export async function serve(config: ServerConfig, logTo?: DestinationStream): Promise<ServedData> {
  const clock = config.testClock ? new VirtualClock(systemClock.unixMs()) : systemClock;
  const log = createLog(config.logLevel, clock, logTo);
  const storage = await openStorage(config, (notice) => log.warn(notice));
  const { journal, clusterId } = storage;
  const stopped = Promise.withResolvers<Error>();
  try {
    const namespace = await openNamespace({
      name: DEFAULT_NAMESPACE,
      clusterId,
      node: config.node,
      clock,
      journal,
      limits: config.limits,
      serverVersion,
      lineage: storage.lineage,
      onStopped: stopped.resolve,
    });
    if (clock instanceof VirtualClock) {
      clock.watchWork(() => (namespace.info().counters?.commitsPending ?? 0) > 0);
    }
    const server = await startServer({
      identity: { clusterId, node: config.node, serverVersion, durability: journal.durability },
      namespaces: new Map([[DEFAULT_NAMESPACE, namespace]]),
      ...config.listen,
      insecureListen: config.insecureListen,
      corsOrigins: config.corsOrigins,
      limits: config.limits,
      clock,
      log,
      drainMs: config.drainMs,
    });
    namespace.start();
    void stopped.promise.then((err) => log.fatal({ err }, "the namespace has stopped"));
    return {
      ...server,
      dataFolder: storage.path,
      durability: journal.durability,
      grantPauseMs: storage.lineage?.grantPauseMs ?? 0,
      failed: stopped.promise,
      async close() {
        await server.close();
        namespace.close();
        await storage.close();
      },
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

interface Storage {
  readonly journal: Journal;
  readonly clusterId: string;
  readonly path: string | undefined;
  readonly lineage: Lineage | undefined;
  close(): Promise<void>;
}

async function openStorage(
  config: ServerConfig,
  onNotice: (sentence: string) => void,
): Promise<Storage> {
  if (config.journal === "memory") return memoryStorage(config);
  const folder = openDataFolder(config.dataFolder, systemRandom);
  const lineage = config.newLineage ? newLineage(config) : undefined;
  try {
    const journal = await openSqliteJournal({
      folder: folder.namespaceFolder(DEFAULT_NAMESPACE),
      onNotice,
      ...(lineage && { newLineage: lineage }),
    });
    const close = async () => {
      await journal.close();
      folder.close();
    };
    return { journal, clusterId: folder.clusterId, path: folder.path, lineage, close };
  } catch (error) {
    folder.close();
    throw error;
  }
}

/** Nothing proves what a journal in memory held before: every start begins a new lineage. */
function memoryStorage(config: ServerConfig): Storage {
  const lineage = newLineage(config);
  const journal = new MemoryJournal({ newLineage: lineage });
  return {
    journal,
    clusterId: systemRandom.uuid(),
    path: undefined,
    lineage,
    close: () => journal.close(),
  };
}

/** Above all ever used, because the real clock only goes forward; under virtual time too. */
function newLineage({ development, testClock, limits }: ServerConfig): Lineage {
  const unixMs = BigInt(systemClock.unixMs());
  const grantPauseMs = development || testClock ? 0 : limits.max_ttl_ms;
  return { epoch: unixMs, revision: unixMs * 1_000n, grantPauseMs };
}
