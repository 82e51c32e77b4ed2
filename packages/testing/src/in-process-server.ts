import { DEFAULT_LIMITS, Durability, type Limits } from "@lockstep/protocol";
import {
  type Clock,
  createHandlers,
  createLog,
  type Handlers,
  MemoryJournal,
  openNamespace,
  serverVersion,
} from "@lockstep/server";
import type { TestServerOptions } from "./options.ts";

const CLUSTER_ID = "00000000-0000-4000-8000-000000000000";
const NODE = "test-server";

/** A server without a network. */
export interface InProcessServer {
  /** What it answers. */
  readonly handlers: Handlers;
  /** @throws what made a namespace stop, which is a fault of the server itself */
  check(): void;
  /** Ends streams and long polls, then everything else. */
  close(): Promise<void>;
}

/** Opens the namespaces, each on a journal in memory, and begins to answer. */
export async function openServer(
  options: TestServerOptions,
  clock: Clock,
): Promise<InProcessServer> {
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const failures: Error[] = [];
  const onStopped = (error: Error) => void failures.push(error);
  const opened = await Promise.all(
    (options.namespaces ?? ["default"]).map(async (name) => {
      const journal = new MemoryJournal();
      const identity = { name, clusterId: CLUSTER_ID, node: NODE, serverVersion };
      const namespace = await openNamespace({ ...identity, clock, journal, limits, onStopped });
      return { name, namespace, journal };
    }),
  );
  const stopping = new AbortController();
  const log = createLog("silent", clock, { write: () => undefined });
  const handlers = createHandlers(
    {
      identity: { clusterId: CLUSTER_ID, node: NODE, serverVersion, durability: Durability.NONE },
      namespaces: new Map(opened.map(({ name, namespace }) => [name, namespace])),
      limits,
      clock,
      log,
      stopping: stopping.signal,
    },
    undefined,
  );
  for (const { namespace } of opened) namespace.start();
  return {
    handlers,
    check() {
      const [failure] = failures;
      if (failure !== undefined) throw failure;
    },
    async close() {
      stopping.abort();
      handlers.close();
      for (const { namespace, journal } of opened) {
        namespace.close();
        await journal.close();
      }
    },
  };
}
