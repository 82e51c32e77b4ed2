import { type ClientHttp2Session, connect } from "node:http2";
import { DEFAULT_LIMITS } from "@lockstep/protocol";
import { afterEach, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../testing-support/test-server.ts";
import { INFO } from "../testing-support/wire.ts";

let running: TestServer | undefined;
let session: ClientHttp2Session | undefined;
afterEach(async () => {
  session?.destroy();
  await running?.close();
});

/** Begins a message of 4 GiB and never ends it. Gives the status the call was answered with. */
function unfinishedCall(connection: ClientHttp2Session): Promise<unknown> {
  return new Promise((resolve) => {
    const stream = connection.request(
      { ":method": "POST", ":path": INFO, "content-type": "application/grpc" },
      { endStream: false },
    );
    stream.on("error", () => undefined);
    stream.on("trailers", (trailers) => resolve(trailers["grpc-status"]));
    stream.resume();
    stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]));
  });
}

test("a call that was answered before its client had sent all of it gives its stream back", async () => {
  running = await startTestServer();
  const connection = connect(running.server.url);
  session = connection;
  const calls = Array.from({ length: DEFAULT_LIMITS.max_concurrent_streams + 10 }, () =>
    unfinishedCall(connection),
  );
  const resourceExhausted = "8";
  expect(new Set(await Promise.all(calls))).toEqual(new Set([resourceExhausted]));
});
