import type { Http2ServerResponse, ServerHttp2Stream } from "node:http2";
import { create, type DescMethodUnary } from "@bufbuild/protobuf";
import {
  ConnectError,
  createContextValues,
  type HandlerContext,
  type MethodImplSpec,
} from "@connectrpc/connect";
import {
  createMethodSerializationLookup,
  encodeEnvelope,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  contentTypeUnaryJson,
  contentTypeUnaryProto,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import {
  contentTypeProto,
  grpcStatusOk,
  setTrailerStatus,
} from "@connectrpc/connect/protocol-grpc";
import type { RpcEnvironment } from "../environment.ts";
import { explainWriteError } from "../errors.ts";
import { type Call, callKey } from "../guard/call.ts";
import { endCall, handle, openCall } from "../guard/guard.ts";
import type { InFlightBytes } from "../guard/in-flight-bytes.ts";
import { writeBytes } from "../write-bytes.ts";
import { readUnaryBody, UnaryBody } from "./unary-body.ts";

type UnarySpec = MethodImplSpec & { readonly kind: "unary"; readonly method: DescMethodUnary };
type Serialization = ReturnType<typeof createMethodSerializationLookup>;

/** A unary method: what it does, how its messages are read and written, and the RPC library's way to answer it. */
interface UnaryMethod {
  readonly spec: UnarySpec;
  readonly request: ReturnType<Serialization["getI"]>;
  readonly reply: ReturnType<Serialization["getO"]>;
  readonly handler: UniversalHandler;
}

const CONNECT = contentTypeUnaryProto;
const GRPC: ReadonlySet<string> = new Set(["application/grpc", contentTypeProto]);
const BINARY = true;

/**
 * Unary calls without the pipeline of the RPC library, which takes longer for one than what the call is about: the same
 * bytes on the same wire in Connect and gRPC, behind the same guard. What is not one plain message in protobuf goes
 * through the library, also when that shows only in the body.
 */
export class DirectUnary {
  readonly #environment: RpcEnvironment;
  readonly #inFlight: InFlightBytes;
  readonly #methods = new Map<UniversalHandler, UnaryMethod>();

  /** For each guarded handler, what it guards: the library's. */
  constructor(
    environment: RpcEnvironment,
    inFlight: InFlightBytes,
    specs: readonly MethodImplSpec[],
    guarded: ReadonlyMap<UniversalHandler, UniversalHandler>,
  ) {
    this.#environment = environment;
    this.#inFlight = inFlight;
    const { max_request_bytes: readMaxBytes, max_response_bytes: writeMaxBytes } =
      environment.limits;
    const bounds = { readMaxBytes, writeMaxBytes };
    for (const [key, handler] of guarded) {
      const spec = specs.find(({ method }) => method === handler.method);
      if (spec?.kind !== "unary") continue;
      const { method } = spec;
      const forms = createMethodSerializationLookup(method, undefined, undefined, bounds as never);
      const [request, reply] = [forms.getI(BINARY), forms.getO(BINARY)];
      this.#methods.set(key, { spec: spec as UnarySpec, request, reply, handler });
    }
  }

  /** Whether it answers for this handler and speaks what the request speaks: one message in protobuf, not compressed. */
  takes(
    { method, header }: Pick<UniversalServerRequest, "method" | "header">,
    called: UniversalHandler,
  ): boolean {
    const type = header.get("content-type") ?? "";
    const encoding = header.get(type === CONNECT ? "content-encoding" : "grpc-encoding");
    const isPlain = encoding === null || encoding === "identity";
    const isSpoken = method === "POST" && isPlain && (type === CONNECT || GRPC.has(type));
    return isSpoken && this.#methods.has(called);
  }

  /**
   * Answers a call that it takes. Gives the reply still to be sent when the library had to make it. Rejects when the
   * connection goes away before the reply has left.
   */
  async answer(
    universal: UniversalServerRequest,
    called: UniversalHandler,
    stream: ServerHttp2Stream,
    response: Http2ServerResponse,
  ): Promise<UniversalServerResponse | undefined> {
    const environment = this.#environment;
    const method = this.#methods.get(called) as UnaryMethod;
    const call = openCall(method.spec.method, universal, environment, this.#inFlight);
    const isGrpc = universal.header.get("content-type") !== CONNECT;
    let reply: Uint8Array | ConnectError;
    try {
      if (call.refusal !== undefined) throw call.refusal;
      const body = await readUnaryBody(stream, call, isGrpc);
      if (body instanceof UnaryBody) {
        // The library reads it from its beginning, and counts it.
        call.bytes.release();
        const whole = { ...universal, body: body.chunks(stream) };
        return handle(method.handler, whole, call, environment);
      }
      reply = await invoke(method, body, call);
    } catch (error) {
      reply = failureOf(call, error);
    }
    try {
      await (isGrpc ? sendGrpc : sendConnect)(response, reply, call);
    } finally {
      endCall(call, environment);
    }
    return undefined;
  }
}

async function invoke(
  { spec, request, reply }: UnaryMethod,
  message: Uint8Array,
  call: Call,
): Promise<Uint8Array> {
  // Implementations take nothing else of their context.
  const values = createContextValues().set(callKey, call);
  const context = { values } as HandlerContext;
  const made = await spec.impl(request.parse(message), context);
  const whole = create(spec.method.output, made);
  call.answered = true;
  return reply.serialize(whole);
}

function failureOf(call: Call, thrown: unknown): ConnectError {
  call.failure = call.answered
    ? explainWriteError(ConnectError.from(thrown), call.limits)
    : call.errorFrom(thrown);
  return call.failure;
}

async function sendConnect(
  response: Http2ServerResponse,
  reply: Uint8Array | ConnectError,
  call: Call,
): Promise<void> {
  const isError = reply instanceof ConnectError;
  const body = isError ? errorToJsonBytes(reply, undefined) : reply;
  response.writeHead(isError ? codeToHttpStatus(reply.code) : 200, {
    "content-length": String(body.byteLength),
    "content-type": isError ? contentTypeUnaryJson : contentTypeUnaryProto,
  });
  const full = writeBytes(response, body, call);
  if (full !== undefined) await full;
  response.end();
}

async function sendGrpc(
  response: Http2ServerResponse,
  reply: Uint8Array | ConnectError,
  call: Call,
): Promise<void> {
  response.writeHead(200, { "content-type": contentTypeProto });
  if (reply instanceof ConnectError) {
    response.addTrailers(Object.fromEntries(setTrailerStatus(new Headers(), reply)));
  } else {
    const full = writeBytes(response, encodeEnvelope(0, reply), call);
    if (full !== undefined) await full;
    response.addTrailers({ "grpc-status": grpcStatusOk });
  }
  response.end();
}
