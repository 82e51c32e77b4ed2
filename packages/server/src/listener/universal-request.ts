import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { ContextValues } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { GONE } from "../rpc/errors.ts";
import type { Departures } from "./departures.ts";

/** A request as the handlers take it. Its signal aborts when request and reply are over, or their caller is gone. */
export function universalRequest(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  authority: string,
  contextValues: ContextValues,
  departures: Departures,
): UniversalServerRequest {
  const over = new AbortController();
  // Over HTTP/1.1 a request closes as soon as it has been read.
  const lasting = "stream" in request ? request : response;
  const gone = () => over.abort(GONE);
  // Nobody waits any more for what was answered, as nearly every call was when it closes.
  lasting.once("close", () => (isAnswered(request, response) ? gone() : departures.add(gone)));
  const { url = "/" } = request;
  return {
    httpVersion: request.httpVersion,
    method: request.method ?? "",
    url: url.startsWith("/")
      ? `http://${authority}${url}`
      : new URL(url, `http://${authority}`).href,
    header: headersOf(request),
    body: chunksOf(request),
    signal: over.signal,
    contextValues,
  };
}

function isAnswered(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): boolean {
  return "stream" in request ? request.stream.writableFinished : response.writableFinished;
}

function headersOf({ headers }: IncomingMessage | Http2ServerRequest): Headers {
  const all = new Headers();
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || name.startsWith(":")) continue;
    if (typeof value === "string") all.append(name, value);
    else for (const one of value) all.append(name, one);
  }
  return all;
}

/** The body, in a form that can be left early without cutting the connection under the reply. */
function chunksOf(request: IncomingMessage | Http2ServerRequest): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }),
  };
}
