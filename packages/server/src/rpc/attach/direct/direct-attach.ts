import type { Http2ServerResponse, ServerHttp2Stream } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { endStreamFlag, endStreamToJson } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { enveloped, SessionService } from "@lockstep/protocol";
import type { RpcEnvironment } from "../../environment.ts";
import { endCall, openCall } from "../../guard/guard.ts";
import type { InFlightBytes } from "../../guard/in-flight-bytes.ts";
import { writeBytes } from "../../write-bytes.ts";
import { attach } from "../attach.ts";
import type { Attachments } from "../attachments.ts";
import { encodeFrame } from "./encode-frame.ts";
import { incomingFrames } from "./incoming-frames.ts";

const CONNECT = "application/connect+proto";
const GRPC: ReadonlySet<string> = new Set(["application/grpc", "application/grpc+proto"]);

/**
 * Attach without the pipeline of the RPC library, which takes longer for a frame than HTTP/2 itself: the same
 * messages on the same wire in Connect and gRPC, behind the same guard. What it does not take goes through the library.
 */
export class DirectAttach {
  readonly #environment: RpcEnvironment;
  readonly #attachments: Attachments;
  readonly #inFlight: InFlightBytes;

  constructor(environment: RpcEnvironment, attachments: Attachments, inFlight: InFlightBytes) {
    this.#environment = environment;
    this.#attachments = attachments;
    this.#inFlight = inFlight;
  }

  /** Whether it speaks what a request for Attach speaks: messages in protobuf, not compressed. */
  takes({ method, header }: Pick<UniversalServerRequest, "method" | "header">): boolean {
    const type = header.get("content-type") ?? "";
    const encoding = header.get(type === CONNECT ? "connect-content-encoding" : "grpc-encoding");
    const isPlain = encoding === null || encoding === "identity";
    return method === "POST" && isPlain && (type === CONNECT || GRPC.has(type));
  }

  /** Serves an Attach to its end. Rejects when the connection goes away before the end has left. */
  async serve(
    universal: UniversalServerRequest,
    stream: ServerHttp2Stream,
    response: Http2ServerResponse,
  ): Promise<void> {
    const environment = this.#environment;
    const call = openCall(SessionService.method.attach, universal, environment, this.#inFlight);
    const contentType = universal.header.get("content-type") ?? "";
    response.writeHead(200, { "content-type": contentType });
    let failure: ConnectError | undefined;
    try {
      if (call.refusal !== undefined) throw call.refusal;
      const { frames, done } = incomingFrames(stream, call);
      try {
        for await (const frame of attach(frames, done, call, environment, this.#attachments)) {
          const message = encodeFrame(frame);
          await writeBytes(response, enveloped({ flags: 0, message }), call);
        }
      } finally {
        // What the client still sends is neither kept nor counted.
        await frames.return?.();
      }
    } catch (error) {
      failure = call.errorFrom(error);
      call.failure = failure;
    } finally {
      endCall(call, environment);
    }
    if (contentType === CONNECT) endConnect(response, failure);
    else endGrpc(response, failure);
  }
}

function endConnect(response: Http2ServerResponse, failure: ConnectError | undefined): void {
  const end = endStreamToJson(new Headers(), failure, undefined);
  const message = Buffer.from(JSON.stringify(end));
  response.end(enveloped({ flags: endStreamFlag, message }));
}

function endGrpc(response: Http2ServerResponse, failure: ConnectError | undefined): void {
  const trailer = new Headers();
  setTrailerStatus(trailer, failure);
  response.addTrailers(Object.fromEntries(trailer));
  response.end();
}
