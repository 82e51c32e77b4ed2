import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Readable, Writable } from "node:stream";
import { createContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { SessionService } from "@lockstep/protocol";
import { type Log, logText } from "../log/log.ts";
import type { Clock } from "../ports/clock.ts";
import { cutKey, principalKey } from "../rpc/guard/call.ts";
import type { Handlers } from "../rpc/handlers.ts";
import { hostOf, isLoopback, plainAddress } from "./addresses.ts";
import { corsHeaders, preflightHeaders } from "./cors.ts";

/** How requests are taken. */
export interface RequestOptions {
  readonly handlers: Handlers;
  /** Whether a request must name this machine as its host, so that no web page reaches the server by a name of its own. */
  readonly loopbackOnly: boolean;
  /** The origins whose pages may call. */
  readonly corsOrigins: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

type NodeRequest = IncomingMessage | Http2ServerRequest;
type NodeResponse = ServerResponse | Http2ServerResponse;

const MISDIRECTED = 421;
const NO_CONTENT = 204;

/** Takes HTTP requests of either version to the RPC handlers. */
export function requestListener(options: RequestOptions) {
  const byPath = new Map(options.handlers.all.map((handler) => [handler.requestPath, handler]));
  return (request: NodeRequest, response: NodeResponse): void => {
    // Without a listener an error of a connection that is gone would end the process.
    (request as Readable).on("error", () => undefined);
    (response as Writable).on("error", () => undefined);
    const authority = "authority" in request ? request.authority : request.headers.host;
    const host = hostOf(authority ?? "");
    if (host === undefined || (options.loopbackOnly && !isLoopback(host))) {
      refuseHost(request, response, options.log);
      return;
    }
    afterReply(request, response, options.clock);
    const cors = corsHeaders(request.headers.origin, options.corsOrigins);
    if (cors !== undefined && request.method === "OPTIONS") {
      plainReply(response, NO_CONTENT, preflightHeaders(cors));
      return;
    }
    const handler = byPath.get(pathOf(request)) ?? unknownHandler(request, options.handlers);
    void answer(handler, request, response, cors, options);
  };
}

async function answer(
  handler: UniversalHandler,
  request: NodeRequest,
  response: NodeResponse,
  cors: Record<string, string> | undefined,
  { handlers, log }: RequestOptions,
): Promise<void> {
  try {
    const contextValues = createContextValues();
    contextValues.set(principalKey, plainAddress(request.socket.remoteAddress ?? ""));
    contextValues.set(cutKey, () => void (response as Writable).destroy());
    const universal = universalRequestFromNodeRequest(
      request,
      response as ServerResponse,
      undefined,
      contextValues,
    );
    const direct = handler.method === SessionService.method.attach && cors === undefined;
    if (direct && "stream" in request && handlers.attach?.takes(universal)) {
      await handlers.attach.serve(universal, request.stream, response as Http2ServerResponse);
      return;
    }
    const reply = await handler({ ...universal, body: chunksOf(request) });
    const header = new Headers(reply.header);
    for (const [name, value] of Object.entries(cors ?? {})) header.set(name, value);
    await universalResponseToNodeResponse({ ...reply, header }, response);
  } catch (error) {
    // The connection went away before the reply had left.
    log.debug({ err: error }, "reply not delivered");
  }
}

/** The body, in a form that can be left early without cutting the connection under the reply. */
function chunksOf(request: NodeRequest): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => (request as Readable).iterator({ destroyOnReturn: false }),
  };
}

/**
 * Lets go of what the client still sends after the reply has left: unread it would keep the stream open
 * and the connection's flow control busy for ever.
 */
function afterReply(request: NodeRequest, response: NodeResponse, clock: Clock): void {
  if (!("stream" in request)) {
    response.once("finish", () => request.resume());
    return;
  }
  // Over HTTP/2 the response finishes no sooner than its stream. When trailers may follow, the body has
  // left; this turn still sends them.
  const { stream } = request;
  stream.once("wantTrailers", () =>
    clock.afterTurn(() => {
      if (!stream.readableEnded) stream.close();
    }),
  );
}

function pathOf({ url }: NodeRequest): string {
  return url?.split("?", 1)[0] ?? "";
}

function unknownHandler({ headers }: NodeRequest, { unknown }: Handlers): UniversalHandler {
  const isStream = headers["content-type"]?.startsWith("application/connect+") ?? false;
  return isStream ? unknown.stream : unknown.unary;
}

function refuseHost(request: NodeRequest, response: NodeResponse, log: Log): void {
  const named = request.headers.host ?? request.headers[":authority"];
  log.warn({ host: logText(String(named ?? "")) }, "request refused: its host is not loopback");
  const text =
    "This server listens on loopback and answers only requests whose host is localhost, 127.0.0.1 or [::1].\n";
  plainReply(response, MISDIRECTED, { "content-type": "text/plain; charset=utf-8" }, text);
  request.resume();
}

/** A reply that is none to an RPC. The two kinds of response differ only in what TypeScript makes of them. */
function plainReply(
  response: NodeResponse,
  status: number,
  headers: Record<string, string>,
  text?: string,
): void {
  (response as ServerResponse).writeHead(status, headers).end(text);
}
