import { type DamagedRow, Durability } from "@lockstep/protocol";
import type { DestinationStream } from "pino";
import type { ServerConfig } from "./config/settings.ts";
import { openNamespace } from "./executor/open-namespace.ts";
import { createLog, logText } from "./log/log.ts";
import { Namespaces } from "./namespaces/namespaces.ts";
import { openStorage, type Storage } from "./namespaces/storage.ts";
import { type Clock, systemClock } from "./ports/clock.ts";
import { VirtualClock } from "./ports/virtual-clock.ts";
import { type RunningServer, startServer } from "./server.ts";
import { coreCodec } from "./snapshot/core-codec.ts";
import { InProcessMaker, type SnapshotMaker } from "./snapshot/maker.ts";
import { MakerThreads } from "./snapshot/maker-threads.ts";
import { ThreadMaker } from "./snapshot/thread-maker.ts";
import { serverVersion } from "./version.ts";

/** The namespace that always exists. */
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
  const stopped = Promise.withResolvers<Error>();
  const storage = openStorage(config, (notice) => log.warn(notice));
  const namespaces = namespacesOn(storage, config, clock, {
    onStopped: stopped.resolve,
    onNotice: (notice) => log.warn(notice),
    onDamage: (namespace, dataset, { bucket, key, problem }) =>
      log.error(
        {
          namespace: logText(namespace),
          dataset: logText(dataset),
          bucket,
          key: Buffer.from(key).toString("hex"),
        },
        `something stored is not what was written: ${problem}`,
      ),
  });
  const close = async () => {
    await namespaces.close();
    storage.close();
  };
  try {
    await namespaces.open([DEFAULT_NAMESPACE, ...config.namespaces, ...storage.namespaces()]);
    if (clock instanceof VirtualClock) clock.watchWork(() => namespaces.isCommitting());
    const durability = durabilityOf(namespaces);
    const { clusterId, lineage, path } = storage;
    const server = await startServer({
      identity: { clusterId, node: config.node, serverVersion, durability },
      namespaces: namespaces.served,
      makeNamespace: (name, use) => namespaces.make(name, use),
      ...config.listen,
      insecureListen: config.insecureListen,
      corsOrigins: config.corsOrigins,
      limits: config.limits,
      clock,
      log,
      drainMs: config.drainMs,
    });
    if (config.newLineage) log.warn({ grantPauseMs: lineage?.grantPauseMs }, "a new lineage began");
    namespaces.start();
    void stopped.promise.then((err) => log.fatal({ err }, "a namespace has stopped"));
    return {
      ...server,
      dataFolder: path,
      durability,
      grantPauseMs: lineage?.grantPauseMs ?? 0,
      failed: stopped.promise,
      async close() {
        await server.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function namespacesOn(
  storage: Storage,
  config: ServerConfig,
  clock: Clock,
  { onStopped, onNotice, onDamage }: NamespaceObserver,
): Namespaces {
  const { clusterId } = storage;
  const { node, limits } = config;
  const threads = new MakerThreads(clock);
  const common = { clusterId, node, clock, limits, serverVersion, onStopped };
  return new Namespaces({
    limits,
    async open(name, isNew) {
      const lineage = isNew ? storage.lineageOfNew() : storage.lineage;
      const journal = await storage.openJournal(name, lineage);
      try {
        const upkeep = { policy: config, maker: makerFor(config, clock, threads), onNotice };
        const damage = onDamage.bind(undefined, name);
        const options = { ...common, name, journal, lineage, upkeep, onDamage: damage };
        return { journal, executor: await openNamespace(options) };
      } catch (error) {
        await journal.close();
        throw error;
      }
    },
  });
}

/** What a namespace tells beside its answers. */
interface NamespaceObserver {
  readonly onStopped: (error: Error) => void;
  readonly onNotice: (sentence: string) => void;
  readonly onDamage: (namespace: string, dataset: string, damaged: DamagedRow) => void;
}

/** A thread where there is a disk, whose load can be large; what is in memory ends with the process. */
function makerFor(
  { journal, limits }: ServerConfig,
  clock: Clock,
  threads: MakerThreads,
): SnapshotMaker {
  return journal === "memory"
    ? new InProcessMaker(limits, coreCodec, clock)
    : new ThreadMaker(limits, threads);
}

function durabilityOf({ served }: Namespaces): Durability {
  return served.get(DEFAULT_NAMESPACE)?.durability ?? Durability.UNSPECIFIED;
}
