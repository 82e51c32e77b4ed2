import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { endStreamFlag } from "@connectrpc/connect/protocol-connect";
import {
  type AttachRequest,
  AttachRequestSchema,
  AttachResponseSchema,
  enveloped,
} from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { REPLIES_PER_TURN } from "./attach/paced-frames.ts";
import { faultOf } from "./calls/fault.ts";
import { Connections } from "./connections.ts";
import { http2Attach } from "./http2-attach.ts";

const TTL_MS = 15_000;
const OK = { ":status": 200, "content-type": "application/connect+proto" };

let server: Http2Server;
let connections: Connections;
let leave: AbortController;
/** How the server answers a stream. */
let serve: (stream: ServerHttp2Stream) => void;
beforeEach(async () => {
  server = createServer();
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    serve(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  connections = new Connections({ url, ttlMs: TTL_MS });
  leave = new AbortController();
});
afterEach(() => {
  connections.abort();
  server.close();
});

async function* oneRequest(): AsyncGenerator<AttachRequest> {
  yield create(AttachRequestSchema, {});
  await new Promise((resolve) => leave.signal.addEventListener("abort", resolve));
}

/** How many frames come, and the fault after them. */
async function outcome(requests: AsyncIterable<AttachRequest> = oneRequest()) {
  let frames = 0;
  try {
    for await (const _ of http2Attach(connections)(requests, { signal: leave.signal })) frames += 1;
    return { frames, fault: undefined };
  } catch (error) {
    return { frames, fault: faultOf(error) };
  }
}

const frame = () =>
  enveloped({ flags: 0, message: toBinary(AttachResponseSchema, create(AttachResponseSchema)) });
const end = (json: object) =>
  enveloped({ flags: endStreamFlag, message: Buffer.from(JSON.stringify(json)) });

describe("an Attach over HTTP/2", () => {
  test("sends frames in envelopes and gives those that come until the end is told", async () => {
    const heard: Buffer[] = [];
    serve = (stream) => {
      stream.respond(OK);
      stream.on("data", (chunk: Buffer) => {
        heard.push(chunk);
        stream.end(Buffer.concat([frame(), frame(), end({})]));
      });
    };
    expect(await outcome()).toEqual({ frames: 2, fault: undefined });
    expect(Buffer.concat(heard)).toEqual(Buffer.from([0, 0, 0, 0, 0]));
  });

  test("goes on reading after more has come at once than may wait", async () => {
    const replies = Array.from({ length: 2 * REPLIES_PER_TURN }, () => ({}));
    const long = create(AttachResponseSchema, { replies });
    const [first, many] = [toBinary(AttachResponseSchema, long), 10_000];
    serve = (stream) => {
      stream.respond(OK);
      const frames = Array.from({ length: many }, frame);
      stream.end(Buffer.concat([enveloped({ flags: 0, message: first }), ...frames, end({})]));
    };
    expect(await outcome()).toEqual({ frames: 2 + many, fault: undefined });
  });

  test("ends with the error that the server tells, after the frames before it", async () => {
    serve = (stream) => {
      stream.respond(OK);
      stream.end(Buffer.concat([frame(), end({ error: { code: "aborted", message: "no more" } })]));
    };
    const { frames, fault } = await outcome();
    expect(frames).toBe(1);
    expect(fault).toMatchObject({ code: Code.Aborted, message: "no more" });
  });

  test.each([
    ["a version of HTTP without such streams", { ":status": 505 }, "HTTP 505"],
    ["a proxy that does not know the call", { ":status": 404 }, "HTTP 404"],
    ["another content type", { ":status": 200, "content-type": "text/html" }, "text/html"],
  ])("tells of %s", async (_, headers, text) => {
    serve = (stream) => {
      stream.respond(headers);
      stream.end("no");
    };
    const { fault } = await outcome();
    expect(fault?.message).toContain(text);
    expect(fault?.reason).toBeUndefined();
  });

  test.each([
    ["cut", (stream: ServerHttp2Stream) => stream.destroy()],
    ["reset", (stream: ServerHttp2Stream) => stream.close(8)],
    ["ended without saying so", (stream: ServerHttp2Stream) => stream.end(frame())],
  ])("that is %s is a fault of the transport", async (_, cut) => {
    serve = (stream) => {
      stream.respond(OK);
      cut(stream);
    };
    const { fault } = await outcome();
    expect(fault).toBeDefined();
    expect(fault?.reason).toBeUndefined();
  });

  test.each([
    ["a message that is none", enveloped({ flags: 0, message: Uint8Array.of(0xff) })],
    ["a message without bound", Uint8Array.of(0, 255, 255, 255, 255)],
    ["an end that is none", enveloped({ flags: endStreamFlag, message: Buffer.from("{") })],
  ])("ends for %s, and leaves the stream", async (_, bytes) => {
    const closed = new Promise<number>((resolve) => {
      serve = (stream) => {
        stream.on("close", () => resolve(stream.rstCode ?? 0));
        stream.respond(OK);
        stream.write(bytes);
      };
    });
    const { frames, fault } = await outcome();
    expect([frames, fault?.reason]).toEqual([0, undefined]);
    expect(fault).toBeDefined();
    leave.abort();
    expect(await closed).toBe(8);
  });

  test("that nobody listens to is not opened", async () => {
    connections.abort();
    server.close();
    const { fault } = await outcome();
    expect(fault?.code).toBe(Code.Unavailable);
  });

  test("is left by its signal", async () => {
    const closed = new Promise<number>((resolve) => {
      serve = (stream) => {
        stream.on("close", () => resolve(stream.rstCode ?? 0));
        stream.respond(OK);
        stream.write(frame());
      };
    });
    let frames = 0;
    const attached = http2Attach(connections)(oneRequest(), { signal: leave.signal });
    await expect(async () => {
      for await (const _ of attached) {
        frames += 1;
        leave.abort(new Error("left"));
      }
    }).rejects.toThrow("left");
    expect(frames).toBe(1);
    expect(await closed).toBe(8);
  });
});
