import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type Http2ServerResponse,
} from "node:http2";
import { DEFAULT_LIMITS } from "@lockstep/protocol";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../ports/clock.ts";
import { Listener } from "./listener.ts";

const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, NGHTTP2_CANCEL } = constants;
const QUARTER_MIB = Buffer.alloc(256 * 1024);
const GIVEN_UP = 100;

async function startListener(): Promise<string> {
  const listener = new Listener({
    host: "127.0.0.1",
    port: 0,
    limits: DEFAULT_LIMITS,
    clock: systemClock,
    // A stream that has more to send than its client takes, and does not end.
    onRequest: (_, response) => void (response as Http2ServerResponse).write(QUARTER_MIB),
  });
  const { port } = await listener.listen();
  onTestFinished(() => listener.destroy());
  return `http://127.0.0.1:${port}`;
}

/** What a client on one connection is told: its first bytes, or why there are none. */
function firstOf(stream: ClientHttp2Stream): Promise<string> {
  return new Promise((resolve) => {
    stream.on("error", ({ message }) => resolve(message));
    stream.once("data", () => {
      stream.pause();
      resolve("data");
    });
  });
}

test("a client that gives up stream after stream is sent to another connection before this one takes no more", async () => {
  const url = await startListener();
  const sessions: ClientHttp2Session[] = [];
  onTestFinished(() => sessions.forEach((session) => void session.destroy()));
  const newest = (): ClientHttp2Session => {
    const last = sessions.at(-1);
    if (last !== undefined && !last.closed) return last;
    const session = connect(url);
    session.on("error", () => undefined);
    sessions.push(session);
    return session;
  };
  const request = { [HTTP2_HEADER_METHOD]: "POST", [HTTP2_HEADER_PATH]: "/" };
  const kept = newest().request(request);
  expect(await firstOf(kept)).toBe("data");
  let answered = 0;
  while (answered < GIVEN_UP) {
    const stream = newest().request(request);
    const first = await firstOf(stream);
    // One that crosses the word that the connection takes no more is told so, and may be sent again.
    expect(["data", "Stream closed with error code NGHTTP2_REFUSED_STREAM"]).toContain(first);
    if (first === "data") answered += 1;
    stream.close(NGHTTP2_CANCEL);
    if (!stream.closed) await once(stream, "close");
  }
  expect(sessions.length).toBeGreaterThan(1);
  expect(sessions.length).toBeLessThan(GIVEN_UP / 4);
  // What was under way on the first connection goes on.
  expect(kept.closed).toBe(false);
  const more = once(kept, "data");
  kept.resume();
  await more;
});
