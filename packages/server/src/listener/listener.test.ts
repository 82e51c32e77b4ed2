import { createClient } from "@connectrpc/connect";
import { ServerService } from "@lockstep/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { ListenError } from "../server.ts";
import { testServers, transportTo } from "../testing-support/test-server.ts";
import {
  answerTo,
  CRLF,
  cutWires,
  frame,
  GOAWAY,
  http1Request,
  http2Session,
  INFO,
  SETTINGS,
  Wire,
} from "../testing-support/wire.ts";

const start = testServers();
afterEach(cutWires);

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
    const { server, clock } = await start();
    const wire = new Wire(server.port);
    wire.say("PRI * HT");
    await clock.advance(0);
    wire.say("TP/2.0\r\n\r\nSM\r\n\r\n");
    wire.socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    // Its own settings, and that it has read ours.
    const count = () => wire.heardFrames().filter((type) => type === SETTINGS).length;
    await expect.poll(count).toBe(2);
    expect(wire.heardFrames()).not.toContain(GOAWAY);
  });

  test("notices that an HTTP/2 client has hung up", async () => {
    const { server } = await start();
    const wire = new Wire(server.port);
    wire.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    wire.socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    await expect.poll(() => wire.heardFrames()).toContain(SETTINGS);
    wire.socket.end();
    expect(await wire.closed).not.toBe("");
  });

  test("cuts a connection that does not show within 5 s what it speaks", async () => {
    const { server, clock } = await start();
    const wire = new Wire(server.port);
    wire.say("PRI * HTTP");
    await expect.poll(() => clock.nextTimerMs()).toBe(5_000);
    await clock.advance(0);
    await clock.advance(5_000);
    expect(await wire.closed).toBe("");
  });

  test("answers garbage with 400 and goes on", async () => {
    const { server } = await start();
    expect(await answerTo(server.port, `\u0016\u0003\u0001\u0002${CRLF}${CRLF}`)).toContain("400");
    expect(await answerTo(server.port, http1Request("localhost"))).toContain("200 OK");
  });

  test("tells HTTP/1.1 clients with 505 that Attach needs HTTP/2 [GEN-95]", async () => {
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
    const { server } = await start();
    const session = http2Session(server.url);
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
  const second = start({ port: server.port });
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
