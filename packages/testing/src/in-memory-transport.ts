import type { Transport } from "@connectrpc/connect";
import { createUniversalHandlerClient, type UniversalClientFn } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import type { Handlers } from "@lockstep/server";
import type { Connection } from "./connection.ts";

// The server has limits of its own; the library takes no larger ones than this.
const MAX_BYTES = 0xffffffff;

/** What answers the calls of a server's handlers. */
export function answering({ all }: Handlers): UniversalClientFn {
  return createUniversalHandlerClient([...all]);
}

/**
 * A transport over a connection in memory, streams in both directions included, to what answers now; `server` gives
 * undefined while nobody does.
 */
export function inMemoryTransport(
  server: () => UniversalClientFn | undefined,
  connection: Connection,
): Transport {
  return createTransport({
    httpClient: connection.carry(server),
    baseUrl: "http://test-server",
    useBinaryFormat: true,
    interceptors: [],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: MAX_BYTES,
    readMaxBytes: MAX_BYTES,
    writeMaxBytes: MAX_BYTES,
  });
}
