import type { ServerHttp2Session } from "node:http2";

/** The memory of a connection: what waits to be sent and to be read. With more, Node takes no more streams on it. */
export const SESSION_MEMORY_MB = 8;

/** How much may be lost before. A quarter of the memory that a connection has: Node counts more than can be seen of it. */
const LOST_BYTES_MAX = (SESSION_MEMORY_MB * 1024 * 1024) / 4;

/**
 * Sends a client to another connection before this one takes no more streams. What waits to be sent of a stream that
 * its client gives up counts against the memory of the connection for ever, in Node's HTTP/2: after some fifty
 * subscriptions that were given up, each new stream would be refused with ENHANCE_YOUR_CALM. Streams under way go on.
 */
export function retireWhenSpent(session: ServerHttp2Session): void {
  let lostBytes = 0;
  session.on("stream", (stream) => {
    stream.once("aborted", () => {
      lostBytes += stream.writableLength;
      if (lostBytes > LOST_BYTES_MAX && !session.closed) session.close();
    });
  });
}
