import { Code, ConnectError } from "@connectrpc/connect";
import { encodeEnvelope, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamFromJson,
  endStreamToJson,
  errorFromJsonBytes,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { errorDetailOf } from "@lockstep/protocol";
import { explainReadError, explainWriteError } from "../errors.ts";
import type { Call } from "./call.ts";

const ENVELOPE_BYTES = 5;

/**
 * Makes sure that an error the RPC library wrote by itself (message too large, malformed, unimplemented)
 * carries our ErrorDetail like every other. It looks at the finished response, because the library
 * raises such errors where no interceptor sees them. Notes the error in the call.
 */
export async function explainErrors(
  response: UniversalServerResponse,
  call: Call,
): Promise<UniversalServerResponse> {
  const contentType = response.header?.get("content-type") ?? "";
  if (contentType.startsWith("application/grpc-web")) {
    return eachChunk(response, (chunk) => explainGrpcWeb(chunk, call));
  }
  if (contentType.startsWith("application/grpc")) return explainGrpc(response, call);
  if (contentType.startsWith("application/connect+")) {
    return eachChunk(response, (chunk) => explainEndStream(chunk, call));
  }
  const isError = response.status !== 200 && contentType === "application/json";
  return isError ? explainConnectUnary(response, call) : response;
}

/** The error as it must leave. */
function explained(error: ConnectError, call: Call): ConnectError {
  if (errorDetailOf(error) !== undefined) call.failure = error;
  else if (call.answered) call.failure = explainWriteError(error, call.limits);
  else call.failure = explainReadError(error);
  return call.failure;
}

async function explainConnectUnary(
  response: UniversalServerResponse,
  call: Call,
): Promise<UniversalServerResponse> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body ?? []) chunks.push(chunk);
  const fallback = new ConnectError("", Code.Internal);
  const error = explained(errorFromJsonBytes(Buffer.concat(chunks), undefined, fallback), call);
  const body = errorToJsonBytes(error, undefined);
  const header = new Headers(response.header);
  header.set("content-length", String(body.byteLength));
  return { ...response, status: codeToHttpStatus(error.code), header, body: single(body) };
}

function explainEndStream(chunk: Uint8Array, call: Call): Uint8Array {
  if (((chunk[0] ?? 0) & endStreamFlag) === 0) return chunk;
  const end = endStreamFromJson(chunk.subarray(ENVELOPE_BYTES));
  if (end.error === undefined) return chunk;
  const json = endStreamToJson(end.metadata, explained(end.error, call), undefined);
  return encodeEnvelope(endStreamFlag, Buffer.from(JSON.stringify(json)));
}

function explainGrpcWeb(chunk: Uint8Array, call: Call): Uint8Array {
  if (((chunk[0] ?? 0) & trailerFlag) === 0) return chunk;
  const trailer = trailerParse(chunk.subarray(ENVELOPE_BYTES));
  if (!explainTrailer(trailer, call)) return chunk;
  return encodeEnvelope(trailerFlag, trailerSerialize(trailer));
}

function explainGrpc(response: UniversalServerResponse, call: Call): UniversalServerResponse {
  const { trailer } = response;
  if (trailer === undefined) return response;
  return eachChunk(
    response,
    (chunk) => chunk,
    () => explainTrailer(trailer, call),
  );
}

/** Whether the trailer carried an error. */
function explainTrailer(trailer: Headers, call: Call): boolean {
  const error = findTrailerError(trailer);
  if (error === undefined) return false;
  setTrailerStatus(trailer, explained(error, call));
  return true;
}

/** Hands each chunk of the body on through `change`; the library writes whole envelopes. */
function eachChunk(
  response: UniversalServerResponse,
  change: (chunk: Uint8Array) => Uint8Array,
  atEnd: () => void = () => undefined,
): UniversalServerResponse {
  const chunks = response.body?.[Symbol.asyncIterator]();
  if (chunks === undefined) return response;
  const body: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const chunk = await chunks.next();
        if (chunk.done) atEnd();
        return chunk.done ? chunk : { done: false, value: change(chunk.value) };
      },
      throw: (error) => chunks.throw?.(error) ?? Promise.reject(error),
      return: (value) =>
        chunks.return?.(value) ?? Promise.resolve({ done: true, value: undefined }),
    }),
  };
  return { ...response, body };
}

async function* single(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}
