import { once } from "node:events";
import { type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { PassThrough } from "node:stream";
import { create, toBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { endStreamFlag, endStreamFromJson } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import {
  AttachRequestSchema,
  DEFAULT_LIMITS,
  EnvelopeReader,
  ErrorReason,
  enveloped,
  errorDetailOf,
  SessionService,
} from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  openSession,
  startTestServer,
  type TestServer,
  transportTo,
} from "../../../testing-support/test-server.ts";
import { Call } from "../../guard/call.ts";
import { InFlightBytes } from "../../guard/in-flight-bytes.ts";
import { incomingFrames } from "./incoming-frames.ts";

const PATH = "/lockstep.v1.SessionService/Attach";
const protocols = ["application/connect+proto", "application/grpc", "application/grpc+proto"];

let running: TestServer;
beforeEach(async () => {
  running = await startTestServer();
});
afterEach(() => running.close());

/** Sends bytes as the body of an Attach, and gives how it was answered. */
async function answerTo(contentType: string, pieces: readonly Uint8Array[], more = {}) {
  const session = connect(running.server.url);
  const stream = session.request({
    ":method": "POST",
    ":path": PATH,
    "content-type": contentType,
    ...more,
  });
  for (const piece of pieces) stream.write(piece);
  stream.end();
  const answer = await answerOf(stream);
  session.close();
  return answer;
}

async function answerOf(stream: ClientHttp2Stream) {
  const reader = new EnvelopeReader(DEFAULT_LIMITS.max_response_bytes);
  const answer = { headers: {} as IncomingHttpHeaders, messages: 0, error: undefined as unknown };
  stream.on("response", (headers) => {
    answer.headers = headers;
  });
  stream.on("trailers", (trailers) => {
    answer.error = findTrailerError(new Headers(Object.entries(trailers) as [string, string][]));
  });
  stream.on("data", (chunk) => {
    for (const { flags, message } of reader.read(chunk)) {
      if (flags === 0) answer.messages += 1;
      if (flags === endStreamFlag) answer.error = endStreamFromJson(message).error;
    }
  });
  await new Promise((resolve) => stream.on("close", resolve));
  return answer;
}

const reasonOf = (error: unknown) => ErrorReason[errorDetailOf(error)?.reason ?? 0];

async function opening(): Promise<Uint8Array> {
  const open = await openSession(transportTo(running.server.url, "connect"));
  const message = toBinary(AttachRequestSchema, create(AttachRequestSchema, { open }));
  return enveloped({ flags: 0, message });
}

describe.each(protocols)("an Attach in %s", (contentType) => {
  test("is answered in the same, and ends without an error", async () => {
    const { headers, messages, error } = await answerTo(contentType, [await opening()]);
    expect([headers[":status"], headers["content-type"]]).toEqual([200, contentType]);
    expect([messages, error]).toEqual([1, undefined]);
  });

  test("may come byte by byte", async () => {
    const bytes = await opening();
    const { messages } = await answerTo(
      contentType,
      [...bytes].map((byte) => Uint8Array.of(byte)),
    );
    expect(messages).toBe(1);
  });

  test.each([
    ["a message that is none", enveloped({ flags: 0, message: Uint8Array.of(0xff) }), "MALFORMED"],
    ["flags nobody agreed on", enveloped({ flags: 1, message: new Uint8Array() }), "MALFORMED"],
    ["an end inside a message", Uint8Array.of(0, 0, 0, 0, 9, 1), "MALFORMED"],
    ["a message that is too large", Uint8Array.of(0, 255, 255, 255, 255), "MESSAGE_TOO_LARGE"],
    ["no frame at all", new Uint8Array(), "MALFORMED"],
  ])("is refused for %s [GEN-82]", async (_, bytes, reason) => {
    const { headers, messages, error } = await answerTo(contentType, [bytes]);
    expect([headers[":status"], messages]).toEqual([200, 0]);
    expect(error).toBeInstanceOf(ConnectError);
    expect(reasonOf(error)).toBe(reason);
  });

  test("is refused for a time-out that is none", async () => {
    const timeout = contentType.includes("grpc") ? "grpc-timeout" : "connect-timeout-ms";
    const { error } = await answerTo(contentType, [await opening()], { [timeout]: "soon" });
    expect(reasonOf(error)).toBe("MALFORMED");
  });
});

test("what is compressed goes through the library, which refuses it", async () => {
  const more = { "connect-content-encoding": "gzip" };
  const { messages, error } = await answerTo("application/connect+proto", [await opening()], more);
  expect([messages, reasonOf(error)]).toEqual([0, "UNIMPLEMENTED"]);
});

/** The frames of a body, and what they count for their principal. */
function counted() {
  const { max_in_flight_bytes: max } = DEFAULT_LIMITS;
  const inFlight = new InFlightBytes({ max_in_flight_bytes: max });
  const body = new PassThrough();
  const lease = inFlight.lease("p");
  const call = new Call(SessionService.method.attach, "p", new Headers(), lease, DEFAULT_LIMITS);
  return { body, call, ...incomingFrames(body, call), held: () => inFlight.held("p") };
}

test("what is still sent after an Attach was refused counts for nobody [GEN-51]", async () => {
  const { body, call, frames, held } = counted();
  call.end();
  await frames.return?.();
  const read = once(body, "data");
  body.write(new Uint8Array(1_000));
  await read;
  expect(held()).toBe(0);
});

test("a frame that is dealt with gives back its own bytes, and not those of frames that wait [GEN-51]", async () => {
  const { body, frames, done, held } = counted();
  const frame = (count: number) => {
    const calls = Array.from({ length: count }, (_, index) => ({ callId: BigInt(index) }));
    const message = toBinary(AttachRequestSchema, create(AttachRequestSchema, { calls }));
    return enveloped({ flags: 0, message });
  };
  const [first, second, begun] = [frame(3), frame(50), frame(100).subarray(0, 20)] as const;
  const read = once(body, "data");
  body.write(Buffer.concat([first, second, begun]));
  await read;
  expect((await frames.next()).value?.calls).toHaveLength(3);
  expect(held()).toBe(first.length + second.length + begun.length);
  done();
  expect(held()).toBe(second.length + begun.length);
  expect((await frames.next()).value?.calls).toHaveLength(50);
  done();
  expect(held()).toBe(begun.length);
});
