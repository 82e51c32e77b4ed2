import { createConnectTransport } from "@connectrpc/connect-web";
import { type Client, createClient } from "./client.ts";
import type { SessionOptions } from "./options.ts";

export * from "./index.ts";

/** What `connect` takes in a browser. */
export interface ConnectOptions extends SessionOptions {
  /** The server's URL, `http://…` or `https://…`. */
  readonly url: string;
}

/**
 * Makes a client of the server at a URL, over fetch. It connects with the first call that needs the server. Browsers
 * have no bidirectional streams, so every operation is a call of its own.
 */
export function connect(options: ConnectOptions): Client {
  const transport = createConnectTransport({ baseUrl: options.url, useBinaryFormat: true });
  return createClient({ ...options, address: options.url, transport, attach: false });
}
