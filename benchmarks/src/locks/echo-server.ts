// The other end of the raw ping-pong, a process of its own as a lock server would be.
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";

const server = createServer({ settings: { maxConcurrentStreams: 2_048 } });
server.on("stream", (stream) => {
  stream.respond();
  stream.pipe(stream);
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());
