import type { Transport } from "@connectrpc/connect";
import { createUniversalHandlerClient } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import type { Handlers } from "@lockstep/server";
import type { Connection } from "./connection.ts";

// The server has limits of its own; the library takes no larger ones than this.
const MAX_BYTES = 0xffffffff;

/** A transport to a server's handlers over a connection in memory, streams in both directions included. */
export function inMemoryTransport({ all }: Handlers, connection: Connection): Transport {
  return createTransport({
    httpClient: connection.carry(createUniversalHandlerClient([...all])),
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
