import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { createClient } from "@connectrpc/connect";
import { DEFAULT_LIMITS, ServerService } from "@lockstep/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../ports/clock.ts";
import { ListenError } from "../server.ts";
import { startTestServer, type TestServer, transportTo } from "../testing-support/test-server.ts";
import { Listener } from "./listener.ts";

let running: TestServer | undefined;
const sockets: Socket[] = [];
const http2Sessions: ClientHttp2Session[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const session of http2Sessions.splice(0)) session.destroy();
  await running?.close();
});

async function start(options = {}): Promise<TestServer> {
  running = await startTestServer(options);
  return running;
}

const INFO = "/lockstep.v1.ServerService/GetServerInfo";
const CRLF = "\r\n";

function http1Request(host: string, more: string[] = []): string {
  const lines = [`POST ${INFO} HTTP/1.1`, `Host: ${host}`, "Content-Type: application/json"];
  return [...lines, "Content-Length: 2", "Connection: close", ...more, "", "{}"].join(CRLF);
}

/** A bare connection, on which a test says and hears what it wants. */
class Wire {
  readonly socket: Socket;
  #heard = "";
  readonly closed: Promise<string>;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    sockets.push(this.socket);
    this.socket.on("data", (chunk) => {
      this.#heard += chunk.toString("latin1");
    });
    this.socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => this.socket.on("close", () => resolve(this.#heard)));
  }

  /** The types of the HTTP/2 frames heard. */
  heardFrames(): number[] {
    const bytes = Buffer.from(this.#heard, "latin1");
    const types: number[] = [];
    for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
      types.push(bytes.readUInt8(at + 3));
    }
    return types;
  }

  say(text: string): void {
    this.socket.write(text, "latin1");
  }
}

/** Everything the server answers to these bytes. */
async function answerTo(port: number, text: string): Promise<string> {
  const wire = new Wire(port);
  wire.say(text);
  return wire.closed;
}

function http2Session(server: TestServer): ClientHttp2Session {
  const session = connectHttp2(server.server.url);
  session.on("error", () => undefined);
  http2Sessions.push(session);
  return session;
}

describe("one port", () => {
  test("speaks HTTP/1.1", async () => {
    const { server } = await start();
    const answer = await answerTo(server.port, http1Request("localhost"));
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(answer).toContain('"serverVersion":"0.0.0-test"');
  });

  test("speaks HTTP/1.1 to a client that sends byte by byte", async () => {
    const { server } = await start();
    const wire = new Wire(server.port);
    wire.socket.setNoDelay(true);
    for (const byte of http1Request("localhost")) wire.say(byte);
    expect(await wire.closed).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  test("speaks HTTP/2 to a client whose preface comes in two parts", async () => {
    const { server } = await start();
    const wire = new Wire(server.port);
    wire.say("PRI * HT");
    await running?.clock.advance(0);
    wire.say("TP/2.0\r\n\r\nSM\r\n\r\n");
    wire.socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    // Its own settings, and that it has read ours.
    const count = () => wire.heardFrames().filter((type) => type === SETTINGS).length;
    await expect.poll(count, { interval: 5 }).toBe(2);
    expect(wire.heardFrames()).not.toContain(GOAWAY);
  });

  test("notices that an HTTP/2 client has hung up", async () => {
    const { server } = await start();
    const wire = new Wire(server.port);
    wire.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    wire.socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    await expect.poll(() => wire.heardFrames(), { interval: 5 }).toContain(SETTINGS);
    wire.socket.end();
    expect(await wire.closed).not.toBe("");
  });

  test("cuts a connection that does not show within 5 s what it speaks", async () => {
    const { server, clock } = await start();
    const wire = new Wire(server.port);
    wire.say("PRI * HTTP");
    await expect.poll(() => clock.nextTimerMs(), { interval: 5 }).toBe(5_000);
    await clock.advance(0);
    await clock.advance(5_000);
    expect(await wire.closed).toBe("");
  });

  test("answers garbage with 400 and goes on", async () => {
    const { server } = await start();
    expect(await answerTo(server.port, `\u0016\u0003\u0001\u0002${CRLF}${CRLF}`)).toContain("400");
    expect(await answerTo(server.port, http1Request("localhost"))).toContain("200 OK");
  });

  test("tells HTTP/1.1 clients with 505 that Attach needs HTTP/2", async () => {
    const { server } = await start();
    const request = http1Request("localhost")
      .replace(INFO, "/lockstep.v1.SessionService/Attach")
      .replace("application/json", "application/connect+json");
    expect(await answerTo(server.port, request)).toMatch(/^HTTP\/1\.1 505 /);
  });
});

describe("on loopback", () => {
  test.each(["evil.example", "evil.example:7420", "10.0.0.1", "localhost.evil.example", "a b"])(
    "a request to the host %s is refused",
    async (host) => {
      const { server, submitted } = await start();
      expect(await answerTo(server.port, http1Request(host))).toMatch(/^HTTP\/1\.1 4(21|00) /);
      expect(submitted).toEqual([]);
    },
  );

  test.each(["localhost", "127.0.0.1:7420", "[::1]:7420", "app.localhost", "LOCALHOST"])(
    "a request to the host %s is answered",
    async (host) => {
      const { server } = await start();
      expect(await answerTo(server.port, http1Request(host))).toContain("200 OK");
    },
  );

  test("an :authority that is not loopback is refused too", async () => {
    const session = http2Session(await start());
    const stream = session.request({ ":method": "POST", ":path": INFO, ":authority": "evil" });
    stream.end();
    const status = await new Promise((resolve) =>
      stream.on("response", (headers) => resolve(headers[":status"])),
    );
    expect(status).toBe(421);
  });
});

describe("another address than loopback", () => {
  test("is refused unless insecureListen says so", async () => {
    await expect(start({ host: "0.0.0.0" })).rejects.toThrow(ListenError);
    const { server } = await start({ host: "0.0.0.0", insecureListen: true });
    expect(server.insecure).toBe(true);
    expect(await answerTo(server.port, http1Request("lockstep.internal"))).toContain("200 OK");
  });
});

test("a port in use is a ListenError that names it", async () => {
  const { server } = await start();
  const second = startTestServer({ port: server.port });
  await expect(second).rejects.toThrow(`127.0.0.1:${server.port}`);
});

describe("web pages", () => {
  const origin = "http://localhost:5173";
  const preflight = (port: number) =>
    answerTo(
      port,
      [
        `OPTIONS ${INFO} HTTP/1.1`,
        "Host: localhost",
        `Origin: ${origin}`,
        "Connection: close",
        "",
        "",
      ].join(CRLF),
    );

  test("of an origin on the list may call", async () => {
    const { server } = await start({ corsOrigins: [origin] });
    expect(await preflight(server.port)).toContain(`access-control-allow-origin: ${origin}`);
    const answer = await answerTo(server.port, http1Request("localhost", [`Origin: ${origin}`]));
    expect(answer).toContain(`access-control-allow-origin: ${origin}`);
  });

  test("of any other origin may not", async () => {
    const { server } = await start();
    expect(await preflight(server.port)).not.toContain("access-control");
    const answer = await answerTo(server.port, http1Request("localhost", [`Origin: ${origin}`]));
    expect(answer).not.toContain("access-control");
  });
});

describe("limits of a connection", () => {
  const limited = (limits: object) => start({ limits: { ...DEFAULT_LIMITS, ...limits } });

  test("max_connections refuses the connection that is too much", async () => {
    const { server } = await limited({ max_connections: 1 });
    const first = http2Session(running as TestServer);
    await new Promise<void>((resolve) => first.once("remoteSettings", () => resolve()));
    expect(await answerTo(server.port, http1Request("localhost"))).toBe("");
    first.destroy();
    await expect
      .poll(() => answerTo(server.port, http1Request("localhost")), { interval: 20 })
      .toContain("200 OK");
  });

  test("max_header_bytes holds over HTTP/1.1 and HTTP/2", async () => {
    const { server } = await start();
    const large = "x".repeat(17 * 1024);
    const answer = await answerTo(server.port, http1Request("localhost", [`X-Large: ${large}`]));
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    const session = http2Session(running as TestServer);
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
    const session = http2Session(await limited({ max_concurrent_streams: 7 }));
    const settings = await new Promise((resolve) => session.once("remoteSettings", resolve));
    expect(settings).toMatchObject({
      maxConcurrentStreams: 7,
      maxHeaderListSize: DEFAULT_LIMITS.max_header_bytes,
    });
  });

  test("a client that opens and cancels streams without end is told to go away", async () => {
    const { server } = await start();
    const wire = new Wire(server.port);
    wire.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    wire.socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    for (let count = 0; count < 3_000; count++) {
      const streamId = 2 * count + 1;
      wire.socket.write(frame(HEADERS, END_HEADERS, streamId, requestHeaders()));
      wire.socket.write(frame(RST_STREAM, 0, streamId, Buffer.from([0, 0, 0, 8])));
    }
    await expect.poll(() => wire.heardFrames(), { interval: 5 }).toContain(GOAWAY);
    const answered = running?.log.filter((line) => line.includes("GetServerInfo")).length;
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

const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const GOAWAY = 7;
const END_HEADERS = 4;

/** One HTTP/2 frame. */
function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** POST over http, from the static table; path and authority as plain texts. */
function requestHeaders(): Buffer {
  const plain = (nameIndex: number, value: string) =>
    Buffer.concat([Buffer.from([nameIndex, value.length]), Buffer.from(value)]);
  return Buffer.concat([Buffer.from([0x83, 0x86]), plain(4, INFO), plain(1, "localhost")]);
}

test("the reply is not compressed even when the client would accept it", async () => {
  const { server } = await start();
  const request = http1Request("localhost", ["Accept-Encoding: gzip, br"]);
  expect((await answerTo(server.port, request)).toLowerCase()).not.toContain("content-encoding");
});

test("a stopping server closes connections that are idle or have said nothing", async () => {
  const { server } = await start();
  const silent = new Wire(server.port);
  const client = createClient(ServerService, transportTo(server.url, "connect-json"));
  await client.getServerInfo({});
  await server.close();
  expect(await silent.closed).toBe("");
});
