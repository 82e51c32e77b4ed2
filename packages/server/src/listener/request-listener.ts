import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from "node:http2";
import type { Readable, Writable } from "node:stream";
import { createContextValues } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { SessionService } from "@lockstep/protocol";
import { type Log, logText } from "../log/log.ts";
import type { Clock } from "../ports/clock.ts";
import { cutKey, principalKey } from "../rpc/guard/call.ts";
import type { Handlers } from "../rpc/handlers.ts";
import { hostOf, isLoopback, plainAddress } from "./addresses.ts";
import { corsHeaders, preflightHeaders } from "./cors.ts";
import { Departures } from "./departures.ts";
import { universalRequest } from "./universal-request.ts";

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

/** What requests are answered with. */
interface Answering extends RequestOptions {
  readonly departures: Departures;
}

type NodeRequest = IncomingMessage | Http2ServerRequest;
type NodeResponse = ServerResponse | Http2ServerResponse;

const MISDIRECTED = 421;
const NO_CONTENT = 204;
/**
 * How long the client of a stream that the server has ended may take to end its side. Node's own client takes a reset
 * that comes together with the trailers for a cut, and loses the error in them.
 */
const STREAM_LINGER_MS = 5_000;

/** Takes HTTP requests of either version to the RPC handlers. */
export function requestListener(options: RequestOptions) {
  const byPath = new Map(options.handlers.all.map((handler) => [handler.requestPath, handler]));
  const answering: Answering = { ...options, departures: new Departures(options.clock) };
  return (request: NodeRequest, response: NodeResponse): void => {
    // Without a listener an error of a connection that is gone would end the process.
    (request as Readable).on("error", () => undefined);
    (response as Writable).on("error", () => undefined);
    const authority = ("authority" in request ? request.authority : request.headers.host) ?? "";
    const host = hostOf(authority);
    if (host === undefined || (options.loopbackOnly && !isLoopback(host))) {
      refuseHost(request, response, options.log);
      return;
    }
    const handler = byPath.get(pathOf(request)) ?? unknownHandler(request, options.handlers);
    afterReply(request, response, handler, options.clock);
    const cors = corsHeaders(request.headers.origin, options.corsOrigins);
    if (cors !== undefined && request.method === "OPTIONS") {
      plainReply(response, NO_CONTENT, preflightHeaders(cors));
      return;
    }
    void answer(handler, request, response, authority, cors, answering);
  };
}

async function answer(
  handler: UniversalHandler,
  request: NodeRequest,
  response: NodeResponse,
  authority: string,
  cors: Record<string, string> | undefined,
  { handlers, log, departures }: Answering,
): Promise<void> {
  try {
    const contextValues = createContextValues();
    contextValues.set(principalKey, plainAddress(request.socket.remoteAddress ?? ""));
    contextValues.set(cutKey, () => void (response as Writable).destroy());
    const universal = universalRequest(request, response, authority, contextValues, departures);
    const isDirect = cors === undefined && "stream" in request;
    const reply = isDirect
      ? await direct(handler, universal, request.stream, response as Http2ServerResponse, handlers)
      : await handler(universal);
    if (reply === undefined) return;
    const header = new Headers(reply.header);
    for (const [name, value] of Object.entries(cors ?? {})) header.set(name, value);
    await universalResponseToNodeResponse({ ...reply, header }, response);
  } catch (error) {
    // The connection went away before the reply had left.
    log.debug({ err: error }, "reply not delivered");
  }
}

/** Answers past the RPC library where that is possible. Gives the reply still to be sent. */
async function direct(
  handler: UniversalHandler,
  universal: UniversalServerRequest,
  stream: ServerHttp2Stream,
  response: Http2ServerResponse,
  { attach, unary }: Handlers,
): Promise<UniversalServerResponse | undefined> {
  const { method } = handler;
  if (unary.takes(universal, handler)) return unary.answer(universal, handler, stream, response);
  if (method !== SessionService.method.attach || !attach.takes(universal))
    return handler(universal);
  await attach.serve(universal, stream, response);
  return undefined;
}

/**
 * Lets go of what the client still sends after the reply has left: unread it would keep the stream open
 * and the connection's flow control busy for ever.
 */
function afterReply(
  request: NodeRequest,
  response: NodeResponse,
  { method }: UniversalHandler,
  clock: Clock,
): void {
  if (!("stream" in request)) {
    response.once("finish", () => request.resume());
    return;
  }
  // Over HTTP/2 the response finishes no sooner than its stream. When trailers may follow, the body has
  // left; this turn still sends them.
  const { stream } = request;
  const letGo = () => {
    if (!stream.readableEnded) stream.close();
  };
  stream.once("wantTrailers", () => {
    if (method.methodKind === "unary") clock.afterTurn(letGo);
    else clock.after(STREAM_LINGER_MS, letGo);
  });
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
