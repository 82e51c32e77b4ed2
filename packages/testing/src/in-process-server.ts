import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { DEFAULT_LIMITS, Durability, type Limits } from "@lockstep/protocol";
import {
  type Clock,
  createHandlers,
  createLog,
  MemoryJournal,
  Namespaces,
  openNamespace,
  serverVersion,
} from "@lockstep/server";
import { answering } from "./in-memory-transport.ts";
import type { TestServerOptions } from "./options.ts";

const CLUSTER_ID = "00000000-0000-4000-8000-000000000000";
const NODE = "test-server";

/** The journals of a server, by namespace: what is left when its process ends. */
export type Journals = Map<string, MemoryJournal>;

/** A server without a network. */
export interface InProcessServer {
  /** What answers its calls. */
  readonly answer: UniversalClientFn;
  /** @throws what made a namespace stop, which is a fault of the server itself */
  check(): void;
  /** Ends it as the end of its process does. Returns what another process finds. */
  crash(): Promise<Journals>;
  /** Ends streams and long polls, then everything else. */
  close(): Promise<void>;
}

/** The journals of a server that starts for the first time. */
export function newJournals({ namespaces = ["default"] }: TestServerOptions): Journals {
  return new Map(namespaces.map((name) => [name, new MemoryJournal()]));
}

/** Opens the namespaces, each on its journal in memory, and begins to answer. */
export async function openServer(
  options: TestServerOptions,
  clock: Clock,
  journals: Journals = newJournals(options),
): Promise<InProcessServer> {
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const failures: Error[] = [];
  const onStopped = (error: Error) => void failures.push(error);
  const open = async (name: string) => {
    const journal = journals.get(name) ?? new MemoryJournal();
    journals.set(name, journal);
    const identity = { name, clusterId: CLUSTER_ID, node: NODE, serverVersion };
    const executor = await openNamespace({ ...identity, clock, journal, limits, onStopped });
    return { executor, journal };
  };
  const namespaces = new Namespaces({ limits, open });
  await namespaces.open(journals.keys());
  const stopping = new AbortController();
  const handlers = createHandlers(
    {
      identity: { clusterId: CLUSTER_ID, node: NODE, serverVersion, durability: Durability.NONE },
      namespaces: namespaces.served,
      makeNamespace: (name, use) => namespaces.make(name, use),
      limits,
      clock,
      log: createLog("silent", clock, { write: () => undefined }),
      stopping: stopping.signal,
    },
    undefined,
  );
  namespaces.start();
  const end = () => {
    stopping.abort();
    handlers.close();
  };
  return {
    answer: answering(handlers),
    check() {
      const [failure] = failures;
      if (failure !== undefined) throw failure;
    },
    async crash() {
      const left = new Map([...journals].map(([name, journal]) => [name, journal.crash()]));
      end();
      await namespaces.close();
      return left;
    },
    async close() {
      end();
      await namespaces.close();
    },
  };
}
