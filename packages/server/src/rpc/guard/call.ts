import type { DescMethod } from "@bufbuild/protobuf";
import { type ConnectError, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { type Limits, textProblem } from "@lockstep/protocol";
import type { Clock, Timer } from "../../ports/clock.ts";
import { connectErrorFrom, GONE } from "../errors.ts";
import { CORRELATION_ID_BYTES, TRACEPARENT_BYTES } from "../validate/fields.ts";
import type { ByteLease } from "./in-flight-bytes.ts";

/** How long a caller may take to take the end of a stream. */
const END_TAKEN_WITHIN_MS = 60_000;

/** The way to end the stream of a caller who takes nothing. */
export interface StreamCut {
  readonly clock: Pick<Clock, "after">;
  readonly cut: () => void;
}

/** One RPC under way, unary or stream: who called, how long it may take, how it ended. */
export class Call {
  readonly method: DescMethod;
  /** The authenticated principal or, without authentication, the peer's address. */
  readonly principal: string;
  /** From the header `x-correlation-id` when it is a good one, otherwise empty. */
  readonly correlationId: string;
  /** W3C trace context of the caller, as given; may be empty. */
  readonly traceparent: string;
  /** The bytes of the request, counted for the principal. */
  readonly bytes: ByteLease;
  readonly limits: Limits;
  /** Why the call must not be executed at all; known from its headers alone. */
  refusal: ConnectError | undefined;
  /** The implementation has returned its reply; what fails from here on is the reply. */
  answered = false;
  /** The error the caller was sent. */
  failure: ConnectError | undefined;
  /** What is behind an INTERNAL error; for the log only. */
  cause: unknown;
  /** Aborts the call when its time has passed. */
  deadline: Timer | undefined;
  #ended = false;
  #closed = false;
  readonly #abort = new AbortController();
  readonly #stream: StreamCut | undefined;
  #cutTimer: Timer | undefined;

  constructor(
    method: DescMethod,
    principal: string,
    header: Headers,
    bytes: ByteLease,
    limits: Limits,
    stream?: StreamCut,
  ) {
    this.#stream = stream;
    this.method = method;
    this.limits = limits;
    this.principal = principal;
    this.correlationId = goodText(header.get("x-correlation-id"), CORRELATION_ID_BYTES);
    this.traceparent = goodText(header.get("traceparent"), TRACEPARENT_BYTES);
    this.bytes = bytes;
  }

  /** Aborts, with the RPC error as its reason, when the call's time passes or the caller is gone. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Ends the call for this reason. The first one counts. */
  abort(reason: ConnectError): void {
    this.#abort.abort(reason);
    if (!this.#ended && this.method.methodKind !== "unary") this.ending();
  }

  /** Its caller is gone, or has taken everything: ends the call, unless it has ended before. */
  closed(): void {
    this.#closed = true;
    this.#cutTimer?.cancel();
    if (!this.#ended) this.#cancel();
  }

  /** Gives back what the call holds; nobody listens any more. True the first time. */
  end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.deadline?.cancel();
    this.bytes.close();
    // Only a stream may still wait for something. Nearly every call is unary, and an error for each of
    // them that nobody hears of is not cheap.
    if (this.method.methodKind !== "unary") this.#cancel();
    return true;
  }

  /** Cuts the stream of a caller who takes nothing, not even the error that ends it. */
  cut(): void {
    this.#stream?.cut();
  }

  /** The end of a stream is on its way. A caller who does not take it in time is cut. */
  ending(): void {
    if (this.#closed) return;
    this.#cutTimer ??= this.#stream?.clock.after(END_TAKEN_WITHIN_MS, () => this.cut());
  }

  /** The RPC error of anything thrown while the call was under way. */
  errorFrom(thrown: unknown): ConnectError {
    const error = connectErrorFrom(thrown);
    this.cause ??= error.cause;
    return error;
  }

  #cancel(): void {
    if (!this.signal.aborted) this.abort(GONE);
  }
}

/** Where a handler finds its call. */
export const callKey = createContextKey<Call | undefined>(undefined, { description: "call" });

/** Where a transport puts the principal before the request reaches a handler. */
export const principalKey = createContextKey<string>("in-process", { description: "principal" });

/** Where a transport puts the way to cut a stream whose peer takes nothing. */
export const cutKey = createContextKey<() => void>(() => undefined, { description: "cut" });

/** The call a handler works for. */
export function callOf(context: Pick<HandlerContext, "values">): Call {
  const call = context.values.get(callKey);
  if (call === undefined) throw new Error("a handler was reached without a guard");
  return call;
}

/** The call, whose correlation id a request takes that names none itself. */
export function named(
  request: { correlationId: string },
  context: Pick<HandlerContext, "values">,
): Call {
  const call = callOf(context);
  if (request.correlationId === "") request.correlationId = call.correlationId;
  return call;
}

function goodText(text: string | null, maxBytes: number): string {
  return text === null || textProblem(text, maxBytes) !== undefined ? "" : text;
}
