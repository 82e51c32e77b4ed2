import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import {
  AdminService,
  LockService,
  ReplicationService,
  ServerService,
  SessionService,
} from "@lockstep/protocol";
import type { Tally } from "./tally.ts";

/** The paths of all unary calls. */
export const UNARY_PATHS: readonly string[] = [
  AdminService,
  LockService,
  ReplicationService,
  ServerService,
  SessionService,
].flatMap((service) =>
  service.methods
    .filter(({ methodKind }) => methodKind === "unary")
    .map(({ name }) => `/${service.typeName}/${name}`),
);

/** A connection that counts its end as an answer and never throws. */
export function connection(url: string, tally: Tally): ClientHttp2Session {
  // What it could not send counts against the attacker itself.
  const session = connect(url, { maxSessionMemory: 10_000 });
  session.on("error", () => undefined);
  session.on("goaway", () => tally.answered("GOAWAY"));
  return session;
}

/** Begins a call; undefined when the connection takes no more. */
export function begin(
  session: ClientHttp2Session,
  path: string,
  headers: Record<string, string> = {},
): ClientHttp2Stream | undefined {
  if (session.closed || session.destroyed) return undefined;
  const all = { ":method": "POST", ":path": path, "content-type": "application/proto", ...headers };
  const stream = session.request(all);
  stream.on("error", () => undefined);
  return stream;
}

/** Settles when a call is over, with its HTTP status and what stands in its body; counts it. */
export function answerOf(stream: ClientHttp2Stream, tally: Tally): Promise<void> {
  return new Promise((resolve) => {
    let how = "no answer";
    let body = "";
    stream.on("response", (headers) => {
      how = `${headers[":status"]}`;
      if (headers["grpc-status"] !== undefined) how += ` grpc-status ${headers["grpc-status"]}`;
    });
    stream.on("trailers", (trailers) => {
      if (trailers["grpc-status"] !== undefined) how += ` grpc-status ${trailers["grpc-status"]}`;
    });
    stream.on("data", (chunk: Buffer) => {
      if (body.length < 4_096) body += chunk.toString("latin1");
    });
    stream.on("close", () => {
      const code = /"code":"([a-z_]+)"/.exec(body)?.[1];
      tally.answered(code === undefined ? how : `${how} ${code}`);
      resolve();
    });
  });
}

/** What goes before a message of gRPC, and of a stream of Connect. */
export function messageHead(flags: number, length: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(length, 1);
  return head;
}
