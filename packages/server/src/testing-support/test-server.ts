import { create } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import {
  AcquireRequestSchema,
  DEFAULT_LIMITS,
  Durability,
  LockMode,
  LockService,
  SessionRefSchema,
  SessionService,
} from "@lockstep/protocol";
import { afterEach } from "vitest";
import type { Executor } from "../executor/executor.ts";
import type { Namespace } from "../executor/namespace.ts";
import { openNamespace } from "../executor/open-namespace.ts";
import { MemoryJournal } from "../journal/memory.ts";
import { createLog } from "../log/log.ts";
import { Namespaces } from "../namespaces/namespaces.ts";
import { VirtualClock } from "../ports/virtual-clock.ts";
import { type RunningServer, type StartServerOptions, startServer } from "../server.ts";

/** A server on a memory journal and virtual time, and what a test wants to see of it. */
export interface TestServer {
  readonly server: RunningServer;
  readonly clock: VirtualClock;
  readonly journal: MemoryJournal;
  readonly namespace: Namespace;
  /** The kinds of operations submitted so far. */
  readonly submitted: string[];
  /** The lines of the log so far. */
  readonly log: string[];
  /** Makes the namespace stop answering. */
  stopNamespace(): void;
  close(): Promise<void>;
}

/** The way the tests of a file start servers: each is closed after its test. */
export function testServers(): typeof startTestServer {
  const started: TestServer[] = [];
  afterEach(async () => {
    for (const server of started.splice(0)) await server.close();
  });
  return async (options) => {
    const server = await startTestServer(options);
    started.push(server);
    return server;
  };
}

/** Starts a server of its own for a test. */
export async function startTestServer(
  options: Partial<StartServerOptions> = {},
): Promise<TestServer> {
  const clock = new VirtualClock(1_700_000_000_000);
  const journal = new MemoryJournal();
  const limits = options.limits ?? DEFAULT_LIMITS;
  const submitted: string[] = [];
  const log: string[] = [];
  const identity = { clusterId: "cluster", node: "node-1", serverVersion: "0.0.0-test" };
  const namespaces = new Namespaces({
    limits,
    async open(name) {
      const own = name === "default" ? journal : new MemoryJournal();
      const onStopped = () => undefined;
      const parts = { ...identity, name, clock, limits, onStopped, journal: own };
      return { journal: own, executor: recorded(await openNamespace(parts), submitted) };
    },
  });
  await namespaces.open(["default"]);
  const server = await startServer({
    identity: { ...identity, durability: Durability.NONE },
    namespaces: namespaces.served,
    makeNamespace: (name, use) => namespaces.make(name, use),
    port: 0,
    clock,
    log: createLog("debug", clock, { write: (line) => void log.push(line) }),
    ...options,
  });
  namespaces.start();
  const close = async () => {
    await server.close();
    await namespaces.close();
  };
  const namespace = namespaces.served.get("default") as Executor;
  const stopNamespace = () => namespace.close();
  return { server, clock, journal, namespace, submitted, log, stopNamespace, close };
}

function recorded(executor: Executor, submitted: string[]): Executor {
  return new Proxy(executor, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: { kind: string }[]) => {
        if (name === "submit") submitted.push(args[0]?.kind ?? "");
        return value.apply(target, args);
      };
    },
  });
}

/** The protocols a server is called in. */
export const protocols = ["connect-json", "connect", "grpc", "grpc-web"] as const;

/** One of the protocols a server is called in. */
export type TestedProtocol = (typeof protocols)[number];

/** What is spoken where a test does not say: a run of the tests may choose another. */
const spoken = (process.env.LOCKSTEP_TEST_PROTOCOL ?? "connect") as TestedProtocol;

/** A transport of this protocol over HTTP/2; gRPC-web over HTTP/1.1. */
export function transportTo(url: string, protocol: TestedProtocol = spoken): Transport {
  if (protocol === "grpc") return createGrpcTransport({ baseUrl: url });
  if (protocol === "grpc-web") return createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" });
  const useBinaryFormat = protocol === "connect";
  return createConnectTransport({ baseUrl: url, httpVersion: "2", useBinaryFormat });
}

/** A secret that is good and differs by `seed`. */
export function secretOf(seed: number): Uint8Array {
  return new Uint8Array(32).fill(seed);
}

/** Opens a session and gives what further calls need. */
export async function openSession(transport: Transport, seed = 1) {
  const secret = secretOf(seed);
  const client = createClient(SessionService, transport);
  const { sessionId } = await client.openSession({ namespace: "default", secret });
  return create(SessionRefSchema, { namespace: "default", sessionId, secret });
}

/** A request for an exclusive lock. */
export function acquireOf(
  key: string,
  requestId: bigint,
  more: Partial<{ waitMs: bigint; pollTimeoutMs: bigint; session: object }> = {},
) {
  return create(AcquireRequestSchema, {
    requestId,
    targets: [{ key, mode: LockMode.EXCLUSIVE }],
    ...more,
  } as never);
}

/** A client of the locks. */
export function lockClient(transport: Transport) {
  return createClient(LockService, transport);
}
