import type { DescMethod } from "@bufbuild/protobuf";
import {
  Code,
  createContextValues,
  type HandlerContext,
  type Interceptor,
} from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { ErrorReason, errorDetailOf } from "@lockstep/protocol";
import { logText } from "../../log/log.ts";
import type { RpcEnvironment } from "../environment.ts";
import { connectErrorFrom, deadlineExceeded, messageTooLarge } from "../errors.ts";
import { Call, callKey, callOf, cutKey, principalKey } from "./call.ts";
import type { InFlightBytes } from "./in-flight-bytes.ts";
import { requestBody } from "./request-body.ts";
import { explainErrors } from "./response-errors.ts";
import { takeTimeout } from "./timeout.ts";

/**
 * Puts a guard before a handler: it knows the principal, holds the call to its deadline (on the
 * server's clock) and to the limits that can be checked before a message is read, sees to it that every
 * error carries an ErrorDetail, and writes the log.
 */
export function guard(
  handler: UniversalHandler,
  environment: RpcEnvironment,
  inFlight: InFlightBytes,
): UniversalHandler {
  async function guarded(request: UniversalServerRequest): Promise<UniversalServerResponse> {
    const call = openCall(handler.method, request, environment, inFlight);
    return handle(handler, request, call, environment);
  }
  return Object.assign(guarded, {
    service: handler.service,
    method: handler.method,
    requestPath: handler.requestPath,
    protocolNames: handler.protocolNames,
    allowedMethods: handler.allowedMethods,
    supportedContentType: handler.supportedContentType,
  });
}

/** Has a handler of the RPC library answer a call that was opened, and ends it with the reply. */
export async function handle(
  handler: UniversalHandler,
  request: UniversalServerRequest,
  call: Call,
  environment: RpcEnvironment,
): Promise<UniversalServerResponse> {
  try {
    const response = await handler(guardedRequest(request, call));
    return endWithBody(await explainErrors(response, call), () => endCall(call, environment));
  } catch (error) {
    endCall(call, environment);
    throw error;
  }
}

/** Refuses, before the body is read, a call that its headers alone forbid. */
export function requestGate(context: HandlerContext): void {
  const { refusal } = callOf(context);
  if (refusal !== undefined) throw refusal;
}

/** Turns whatever a unary implementation throws into an RPC error with one ErrorDetail. */
export const unaryErrors: Interceptor = (next) => async (request) => {
  const call = callOf({ values: request.contextValues });
  try {
    const response = await next(request);
    if (!request.stream) call.answered = true;
    return response;
  } catch (error) {
    throw call.errorFrom(error);
  }
};

/** Begins a call: what its headers say of it and what they forbid. */
export function openCall(
  method: DescMethod,
  request: UniversalServerRequest,
  { limits, clock }: RpcEnvironment,
  inFlight: InFlightBytes,
): Call {
  const principal = request.contextValues?.get(principalKey) ?? principalKey.defaultValue;
  const { header } = request;
  const cut = request.contextValues?.get(cutKey);
  const stream = cut && { clock, cut };
  const call = new Call(method, principal, header, inFlight.lease(principal), limits, stream);
  try {
    const timeoutMs = takeTimeout(header, method, limits);
    if (timeoutMs !== undefined) {
      call.deadline = clock.after(timeoutMs, () => call.abort(deadlineExceeded()));
    }
    takeContentLength(header, call, limits.max_request_bytes);
  } catch (error) {
    call.refusal = connectErrorFrom(error);
  }
  const onClose = () => call.closed();
  if (request.signal.aborted) onClose();
  else request.signal.addEventListener("abort", onClose, { once: true });
  return call;
}

/**
 * Refuses a message that announces itself as too large, and hides the announcement of any other: the
 * library would allocate that much before a byte has come.
 */
function takeContentLength(header: Headers, call: Call, maxBytes: number): void {
  const announced = Number(header.get("content-length") ?? 0);
  header.delete("content-length");
  if (call.method.methodKind === "unary" && announced > maxBytes) {
    throw messageTooLarge(announced, maxBytes);
  }
}

function guardedRequest(request: UniversalServerRequest, call: Call): UniversalServerRequest {
  const contextValues = request.contextValues ?? createContextValues();
  contextValues.set(callKey, call);
  const { body } = request;
  const contentType = request.header.get("content-type") ?? "";
  const isStream = typeof body === "object" && body !== null && Symbol.asyncIterator in body;
  return {
    ...request,
    signal: call.signal,
    contextValues,
    body: isStream ? requestBody(body as AsyncIterable<Uint8Array>, call, contentType) : body,
  };
}

function endWithBody(response: UniversalServerResponse, end: () => void): UniversalServerResponse {
  const chunks = response.body?.[Symbol.asyncIterator]();
  if (chunks === undefined) {
    end();
    return response;
  }
  const body: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => body,
    async next() {
      const chunk = await chunks.next();
      if (chunk.done) end();
      return chunk;
    },
    throw(error) {
      end();
      return chunks.throw?.(error) ?? Promise.reject(error);
    },
    return(value) {
      end();
      return chunks.return?.(value) ?? Promise.resolve({ done: true, value: undefined });
    },
  };
  return { ...response, body };
}

/** Gives back what a call holds and writes it to the log, once. */
export function endCall(call: Call, { log }: RpcEnvironment): void {
  if (!call.end()) return;
  const { failure, cause } = call;
  if (failure?.code === Code.Internal) log.error({ ...factsOf(call), err: cause }, "call failed");
  else if (log.isLevelEnabled("debug")) {
    log.debug(factsOf(call), failure ? "call refused" : "call answered");
  }
}

function factsOf(call: Call): object {
  const { failure } = call;
  const reason = failure && errorDetailOf(failure)?.reason;
  return {
    rpc: `${call.method.parent.typeName}/${call.method.name}`,
    principal: logText(call.principal),
    ...(call.correlationId && { correlation_id: call.correlationId }),
    ...(call.traceparent && { traceparent: call.traceparent }),
    ...(failure && { code: Code[failure.code], reason: reason && ErrorReason[reason] }),
  };
}
