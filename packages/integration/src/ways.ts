import type { Interceptor, Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import {
  type Client,
  type ClientOptions,
  createClient,
  type SessionOptions,
} from "@lockstep/client";

/** Hears the name of every call that is made. */
type Called = (method: string) => void;

/** A way from a client to a server. */
export interface WayToServer {
  readonly name: string;
  /** The call that carries acquires on this way. */
  readonly acquiresBy: "Attach" | "Acquire";
  client(url: string, called: Called, session?: SessionOptions): Client;
}

/** The ways a client in Node has to a server; `connect` takes the first. */
export const waysToServer: readonly WayToServer[] = [
  {
    name: "Attach over HTTP/2",
    acquiresBy: "Attach",
    client: (url, called, session) => over2(url, called, createConnectTransport, session),
  },
  {
    name: "Attach over gRPC",
    acquiresBy: "Attach",
    client: (url, called, session) => over2(url, called, createGrpcTransport, session),
  },
  {
    name: "unary calls over HTTP/2",
    acquiresBy: "Acquire",
    client: (url, called, session) =>
      over2(url, called, createConnectTransport, { ...session, attach: false }),
  },
  {
    name: "unary calls over HTTP/1.1, which refuses Attach",
    acquiresBy: "Acquire",
    client: over1,
  },
];

type Http2Transport = (options: {
  baseUrl: string;
  httpVersion: "2";
  sessionManager: Http2SessionManager;
  interceptors: Interceptor[];
}) => Transport;

/** A connection of its own for each of the three, as the client asks for. */
function over2(
  baseUrl: string,
  called: Called,
  create: Http2Transport,
  options: Partial<ClientOptions> = {},
): Client {
  const connections: Http2SessionManager[] = [];
  const transport = () => {
    const sessionManager = new Http2SessionManager(baseUrl);
    connections.push(sessionManager);
    return create({ baseUrl, httpVersion: "2", sessionManager, interceptors: [heard(called)] });
  };
  return createClient({
    ...options,
    transport: transport(),
    controlTransport: transport(),
    watchTransport: transport(),
    onClosed: () => {
      for (const connection of connections) connection.abort();
    },
  });
}

function over1(baseUrl: string, called: Called, session: SessionOptions = {}): Client {
  const interceptors = [heard(called)];
  return createClient({
    ...session,
    transport: createConnectTransport({ baseUrl, httpVersion: "1.1", interceptors }),
  });
}

function heard(called: Called): Interceptor {
  return (next) => (request) => {
    called(request.method.name);
    return next(request);
  };
}
