import type { ServerHttp2Session } from "node:http2";

const LOST_BYTES_MAX = 2 * 1024 * 1024;

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
