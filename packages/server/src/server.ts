import { DEFAULT_LIMITS, type Limits } from "@lockstep/protocol";
import type { Namespace } from "./executor/namespace.ts";
import { isLoopback } from "./listener/addresses.ts";
import { Listener } from "./listener/listener.ts";
import { requestListener } from "./listener/request-listener.ts";
import type { Log } from "./log/log.ts";
import { type Clock, systemClock } from "./ports/clock.ts";
import { VirtualClock } from "./ports/virtual-clock.ts";
import type { MakeNamespace, RpcEnvironment, ServerIdentity } from "./rpc/environment.ts";
import { createHandlers } from "./rpc/handlers.ts";

/** How long a stopping server waits for calls under way, unless told otherwise. */
const DRAIN_MS = 5_000;

/** What a server is started with. */
export interface StartServerOptions {
  readonly identity: ServerIdentity;
  /** The namespaces to serve, by name; they belong to the caller, who closes them after the server. */
  readonly namespaces: ReadonlyMap<string, Namespace>;
  /** How CreateNamespace makes one; absent, it is refused. */
  readonly makeNamespace?: MakeNamespace;
  /** Where to listen. Default 127.0.0.1. */
  readonly host?: string;
  /** Default 7420; 0 lets the system choose. */
  readonly port?: number;
  /** Listen on an address others can reach although nobody is authenticated. Default false. */
  readonly insecureListen?: boolean;
  /** Origins whose web pages may call, such as `http://localhost:5173`. Default none. */
  readonly corsOrigins?: readonly string[];
  readonly limits?: Limits;
  /** Default the machine's. A virtual clock is moved by the ClockService, which is served then. */
  readonly clock?: Clock;
  readonly log: Log;
  /** How long closing waits for calls under way, milliseconds. Default 5,000. */
  readonly drainMs?: number;
}

/** A server that answers. */
export interface RunningServer {
  /** Where it listens. */
  readonly host: string;
  readonly port: number;
  /** How to call it, such as `http://127.0.0.1:7420`. */
  readonly url: string;
  /** Whether others than this machine can reach it without authentication. */
  readonly insecure: boolean;
  /**
   * Stops in good order: health says NOT_SERVING, nothing is accepted, streams end with
   * SERVER_STOPPING, calls under way are answered, what is left is cut.
   */
  close(): Promise<void>;
}

/** The server must not be started like this. The message says why and what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/**
 * Starts to answer RPCs about the namespaces on one port.
 * @throws ListenError when the address is not loopback and `insecureListen` is not set, or cannot be
 *   listened on.
 */
export async function startServer(options: StartServerOptions): Promise<RunningServer> {
  const { host = "127.0.0.1", port = 7_420, clock = systemClock, log } = options;
  const limits = options.limits ?? DEFAULT_LIMITS;
  const insecure = !isLoopback(host);
  if (insecure && !options.insecureListen) throw insecureError(host);
  const stopping = new AbortController();
  const environment: RpcEnvironment = {
    identity: options.identity,
    namespaces: options.namespaces,
    makeNamespace: options.makeNamespace,
    limits,
    clock,
    log,
    stopping: stopping.signal,
  };
  const handlers = createHandlers(environment, clock instanceof VirtualClock ? clock : undefined);
  const onRequest = requestListener({
    handlers,
    loopbackOnly: !insecure,
    corsOrigins: options.corsOrigins ?? [],
    clock,
    log,
  });
  const listener = new Listener({ host, port, limits, clock, onRequest });
  const address = await listener.listen().catch((error) => {
    handlers.close();
    throw listenError(host, port, error);
  });
  log.info({ host, port: address.port, insecure }, "listening");
  return {
    host,
    port: address.port,
    url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`,
    insecure,
    close: once(async () => {
      log.info("stopping");
      stopping.abort();
      listener.stopAccepting();
      await drained(listener, options.drainMs ?? DRAIN_MS);
      listener.destroy();
      handlers.close();
      log.info("stopped");
    }),
  };
}

/** Settles when all connections are gone or the time has passed; the time is real, whatever the clock. */
function drained(listener: Listener, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = systemClock.after(withinMs, resolve);
    void listener.drained().then(() => {
      timer.cancel();
      resolve();
    });
  });
}

function once(close: () => Promise<void>): () => Promise<void> {
  let closed: Promise<void> | undefined;
  return () => {
    closed ??= close();
    return closed;
  };
}

function insecureError(host: string): ListenError {
  return new ListenError(
    `${host} can be reached from other machines, and nobody who calls is authenticated: ` +
      "listen on 127.0.0.1, or give --insecure-listen if the network is trusted",
  );
}

function listenError(host: string, port: number, error: NodeJS.ErrnoException): ListenError {
  const why =
    error.code === "EADDRINUSE"
      ? "the port is in use: stop what listens there, or choose another with --listen"
      : `${error.message}: choose another address with --listen`;
  return new ListenError(`cannot listen on ${host}:${port}: ${why}`, { cause: error });
}
