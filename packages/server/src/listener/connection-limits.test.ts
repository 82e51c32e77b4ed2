import { DEFAULT_LIMITS } from "@lockstep/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../ports/clock.ts";
import { testServers } from "../testing-support/test-server.ts";
import {
  answerTo,
  CRLF,
  cutWires,
  END_HEADERS,
  frame,
  GOAWAY,
  HEADERS,
  http1Request,
  http2Session,
  INFO,
  RST_STREAM,
  requestHeaders,
  SETTINGS,
  Wire,
} from "../testing-support/wire.ts";
import { Listener } from "./listener.ts";

const start = testServers();
afterEach(cutWires);

describe("limits of a connection", () => {
  const limited = (limits: object) => start({ limits: { ...DEFAULT_LIMITS, ...limits } });

  test("max_connections refuses the connection that is too much", async () => {
    const { server } = await limited({ max_connections: 1 });
    const first = http2Session(server.url);
    await new Promise<void>((resolve) => first.once("remoteSettings", () => resolve()));
    expect(await answerTo(server.port, http1Request("localhost"))).toBe("");
    first.destroy();
    await expect.poll(() => answerTo(server.port, http1Request("localhost"))).toContain("200 OK");
  });

  test("max_header_bytes holds over HTTP/1.1 and HTTP/2", async () => {
    const { server } = await start();
    const large = "x".repeat(17 * 1024);
    const answer = await answerTo(server.port, http1Request("localhost", [`X-Large: ${large}`]));
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    const session = http2Session(server.url);
    const stream = session.request({ ":method": "POST", ":path": INFO, "x-large": large });
    const ended = await new Promise((resolve) => {
      stream.on("response", (headers) => resolve(headers[":status"]));
      stream.on("error", () => resolve("reset"));
      stream.on("close", () => resolve(stream.rstCode));
      stream.end();
    });
    expect(ended).not.toBe(200);
  });

  test("max_concurrent_streams and the absence of push are announced", async () => {
    const { server } = await limited({ max_concurrent_streams: 7 });
    const session = http2Session(server.url);
    const settings = await new Promise((resolve) => session.once("remoteSettings", resolve));
    expect(settings).toMatchObject({
      maxConcurrentStreams: 7,
      maxHeaderListSize: DEFAULT_LIMITS.max_header_bytes,
    });
  });

  test("a client that opens and cancels streams without end is told to go away", async () => {
    const { server, log } = await start();
    const wire = new Wire(server.port);
    wire.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    wire.socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    for (let count = 0; count < 3_000; count++) {
      const streamId = 2 * count + 1;
      wire.socket.write(frame(HEADERS, END_HEADERS, streamId, requestHeaders()));
      wire.socket.write(frame(RST_STREAM, 0, streamId, Buffer.from([0, 0, 0, 8])));
    }
    await expect.poll(() => wire.heardFrames()).toContain(GOAWAY);
    const answered = log.filter((line) => line.includes("GetServerInfo")).length;
    expect(answered).toBeLessThan(3_000);
  });
});

describe("a client that sends slowly over HTTP/1.1", () => {
  test.each([
    ["headers", `POST ${INFO} HTTP/1.1${CRLF}Host: localhost${CRLF}X-Slow: `],
    [
      "a body",
      `POST ${INFO} HTTP/1.1${CRLF}Host: localhost${CRLF}Content-Length: 9${CRLF}${CRLF}{`,
    ],
  ])("is cut off in the middle of %s", async (_, text) => {
    const listener = new Listener({
      host: "127.0.0.1",
      port: 0,
      limits: DEFAULT_LIMITS,
      clock: systemClock,
      onRequest: () => undefined,
      patience: { headersMs: 40, requestMs: 40, checkEachMs: 10 },
    });
    const { port } = await listener.listen();
    const wire = new Wire(port);
    wire.say(text);
    expect(await wire.closed).toMatch(/^HTTP\/1\.1 408 /);
    listener.stopAccepting();
    listener.destroy();
    await listener.drained();
    expect(listener.connections).toBe(0);
  });
});
