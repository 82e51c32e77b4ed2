import type { SecureClientSessionOptions } from "node:http2";
import { createConnectTransport } from "@connectrpc/connect-node";
import { type Client, createClient } from "./client.ts";
import { Connections } from "./connections.ts";
import { http2Attach } from "./http2-attach.ts";
import { type SessionOptions, ttlOf } from "./options.ts";
import { urlOf } from "./url.ts";

export * from "./index.ts";
export { ADDRESS_DEFAULT } from "./url.ts";

/** What `connect` takes in Node. */
export interface ConnectOptions extends SessionOptions {
  /** `host:port` of a server without TLS, port 7420 when it names none. Default `127.0.0.1:7420`. Not together with `url`. */
  readonly address?: string;
  /** The server's URL, `http://…` or `https://…`. */
  readonly url?: string;
  /** TLS settings for an `https` URL, as node:http2 takes them. Default: the machine's certificates. */
  readonly tls?: Pick<
    SecureClientSessionOptions,
    "ca" | "cert" | "key" | "passphrase" | "servername" | "rejectUnauthorized"
  >;
}

/**
 * Makes a client of the server at an address, over HTTP/2. It connects with the first call that needs the server,
 * so this does not fail when there is none; `await client.ready()` tells.
 * @throws TypeError for an address that is none, RangeError for a time out of its bounds
 */
export function connect(options: ConnectOptions = {}): Client {
  const url = urlOf(options);
  const { clock, unref, tls } = options;
  const ttlMs = ttlOf(options);
  const managers: Connections[] = [];
  const connections = () => {
    const manager = new Connections({ url, ttlMs, clock, unref, http2: tls });
    managers.push(manager);
    return manager;
  };
  const transportOver = (sessionManager: Connections) =>
    createConnectTransport({
      baseUrl: url,
      httpVersion: "2",
      sessionManager,
      acceptCompression: [],
    });
  const main = connections();
  return createClient({
    ...options,
    address: url,
    transport: transportOver(main),
    controlTransport: transportOver(connections()),
    watchTransport: transportOver(connections()),
    bulkTransport: transportOver(connections()),
    attach: http2Attach(main),
    onClosed: () => {
      for (const manager of managers) manager.abort();
    },
  });
}
