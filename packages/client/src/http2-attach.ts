import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  endStreamFlag,
  endStreamFromJson,
  validateResponse,
} from "@connectrpc/connect/protocol-connect";
import {
  type AttachRequest,
  type AttachResponse,
  DEFAULT_LIMITS,
  EnvelopeReader,
  enveloped,
  FrameQueue,
  SessionService,
} from "@lockstep/protocol";
import { decodeFrame } from "./attach/decode-frame.ts";
import { encodeFrame } from "./attach/encode-frame.ts";
import type { OpenAttach } from "./attach/open-attach.ts";
import { PacedFrames } from "./attach/paced-frames.ts";
import type { Connections } from "./connections.ts";
import { nextTurn } from "./ports/next-turn.ts";

const PATH = `/${SessionService.typeName}/${SessionService.method.attach.name}`;
const HEADERS = { "content-type": "application/connect+proto", "connect-protocol-version": "1" };
/** How many frames may wait to be taken before no more is read. */
const FRAMES_WAITING_MAX = 64;

/**
 * Attach over HTTP/2 without the pipeline of the RPC library, which takes longer for a frame than HTTP/2 itself. On the
 * wire it is the library's Connect protocol.
 */
export function http2Attach(connections: Connections): OpenAttach {
  return (requests, { signal }) => {
    let body: ClientHttp2Stream | undefined;
    const frames = new FrameQueue<AttachResponse>(() => {
      if (body?.isPaused() && frames.length + paced.length < FRAMES_WAITING_MAX) body.resume();
    });
    const paced = new PacedFrames(frames, nextTurn);
    signal.addEventListener("abort", () => {
      frames.end(signal.reason);
      body?.close(constants.NGHTTP2_CANCEL);
    });
    const open = async () => {
      body = await connections.request("POST", PATH, HEADERS, {});
      if (signal.aborted) body.close(constants.NGHTTP2_CANCEL);
      receive(body, frames, paced, connections);
      await send(body, requests);
    };
    open().catch((error) => {
      frames.end(error);
      body?.close(constants.NGHTTP2_CANCEL);
    });
    return frames;
  };
}

function receive(
  body: ClientHttp2Stream,
  frames: FrameQueue<AttachResponse>,
  paced: PacedFrames,
  connections: Connections,
): void {
  const reader = new EnvelopeReader(DEFAULT_LIMITS.max_response_bytes);
  const attempt = (fn: () => void) => {
    try {
      fn();
    } catch (error) {
      paced.end(error);
      body.close(constants.NGHTTP2_CANCEL);
    }
  };
  body.on("response", (headers) => attempt(() => checkResponse(headers)));
  body.on("data", (chunk: Uint8Array) => {
    // The connection is alive: it is not asked for a sign of it.
    connections.notifyResponseByteRead(body);
    attempt(() => {
      for (const { flags, message } of reader.read(chunk)) {
        if ((flags & endStreamFlag) !== 0) paced.end(endStreamFromJson(message).error);
        else paced.push(decodeFrame(message));
      }
    });
    if (frames.length + paced.length >= FRAMES_WAITING_MAX) body.pause();
  });
  body.once("error", (error) => paced.end(error));
  body.once("close", () => {
    paced.end(new ConnectError("the stream was cut before its end was told", Code.Unavailable));
  });
}

/** @throws ConnectError `HTTP <status>` unless it is the beginning of a stream */
function checkResponse({
  ":status": status,
  ...headers
}: IncomingHttpHeaders & { ":status"?: number | undefined }): void {
  const type = new Headers({ "content-type": headers["content-type"] ?? "" });
  validateResponse(SessionService.method.attach.methodKind, true, status ?? 0, type);
}

async function send(
  body: ClientHttp2Stream,
  requests: AsyncIterable<AttachRequest>,
): Promise<void> {
  for await (const request of requests) {
    if (body.destroyed || body.closed) return;
    const message = encodeFrame(request);
    if (!body.write(enveloped({ flags: 0, message }))) await drained(body);
  }
  body.end();
}

/** Settles when more may be written, or nothing can be any more. */
function drained(body: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      body.off("drain", settle);
      body.off("close", settle);
      resolve();
    };
    body.once("drain", settle);
    body.once("close", settle);
  });
}
