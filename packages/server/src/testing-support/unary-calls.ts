import { create, type DescMethodUnary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  AdminService,
  enveloped,
  LockService,
  ServerService,
  type SessionRef,
  SessionRefSchema,
  SessionService,
} from "@lockstep/protocol";
import { Health } from "../gen/health/v1/health_pb.ts";
import type { RawCall } from "./raw-call.ts";
import { acquireOf } from "./test-server.ts";

/** What is sent to a server on which session 1 holds the lock "held". */
export type Making = (session: SessionRef, isGrpc: boolean) => RawCall;
/** A call that any server answers. */
export const INFO_METHOD = ServerService.method.getServerInfo;
const { acquire } = LockService.method;
const unknownSession = create(SessionRefSchema, {
  namespace: "default",
  sessionId: 99n,
  secret: new Uint8Array(32),
});
/** A wait that outlasts a test. */
export const WAIT = { waitMs: 60_000n, pollTimeoutMs: 60_000n };

/** Where a method is called. */
export function pathOf({ parent, name }: DescMethodUnary): string {
  return `/${parent.typeName}/${name}`;
}

/** The bytes of a message as the protocol sends them. */
export function framed(message: Uint8Array, isGrpc: boolean): Uint8Array {
  return isGrpc ? enveloped({ flags: 0, message }) : message;
}

/** A good call, with more bytes at the end of its message. */
export function calling<M extends DescMethodUnary>(
  method: M,
  init: (session: SessionRef) => object = () => ({}),
  headers: Record<string, string> = {},
  more: readonly number[] = [],
): Making {
  return (session, isGrpc) => {
    const message = create(method.input, init(session) as MessageInitShape<M["input"]>);
    const bytes = Buffer.concat([toBinary(method.input, message), Uint8Array.from(more)]);
    return { path: pathOf(method), pieces: [framed(bytes, isGrpc)], headers };
  };
}

/** An acquire of one lock by session 1. */
export const acquiring = (key: string, more: object = {}, headers: Record<string, string> = {}) =>
  calling(acquire, (session) => ({ ...acquireOf(key, 2n), session, ...more }), headers);

function bytes(...pieces: Uint8Array[]): Making {
  return () => ({ path: pathOf(INFO_METHOD), pieces });
}

/** Time-outs as both protocols name them. */
export const timed = (timeout: string) => ({
  "connect-timeout-ms": timeout,
  "grpc-timeout": timeout,
});

/** Calls that are answered. */
export const good: [string, Making][] = [
  ["without content", calling(INFO_METHOD)],
  ["with a lock granted", acquiring("free")],
  [
    "with a value and text that is not ASCII",
    acquiring("schlüssel", { value: new Uint8Array(1_000) }),
  ],
  ["queued", acquiring("held", { waitMs: 1_000n })],
  ["denied", acquiring("held")],
  [
    "of a release",
    calling(LockService.method.release, (session) => ({
      session,
      requestId: 2n,
      holdId: 2n,
      token: 2n,
    })),
  ],
  ["of a renewal", calling(SessionService.method.keepAlive, (session) => ({ session }))],
  ["of a list", calling(SessionService.method.listSessions, () => ({ namespace: "default" }))],
  [
    "of an operator",
    calling(AdminService.method.createNamespace, () => ({ namespace: "more", reason: "room" })),
  ],
  ["of a service of another package", calling(Health.method.check)],
  ["with unknown fields", calling(INFO_METHOD, undefined, {}, [0xf8, 0x3e, 1])],
  [
    "with headers",
    acquiring(
      "free",
      {},
      { "x-correlation-id": "c-1", traceparent: "00-1", "connect-protocol-version": "7" },
    ),
  ],
  [
    "of no encoding",
    acquiring("free", {}, { "content-encoding": "identity", "grpc-encoding": "identity" }),
  ],
  [
    "with time enough",
    (session, isGrpc) => acquiring("free", {}, timed(isGrpc ? "5S" : "5000"))(session, isGrpc),
  ],
  [
    "with a query",
    (session, isGrpc) => ({
      ...calling(INFO_METHOD)(session, isGrpc),
      path: `${pathOf(INFO_METHOD)}?a=1`,
    }),
  ],
  [
    "byte by byte",
    (session, isGrpc) => {
      const call = acquiring("free")(session, isGrpc);
      return {
        ...call,
        pieces: call.pieces.flatMap((piece) => [...piece].map((byte) => Uint8Array.of(byte))),
      };
    },
  ],
];

/** Calls that are refused, and for what. */
export const refused: [string, Making][] = [
  [
    "an unknown session",
    acquiring("free", {
      session: unknownSession,
    }),
  ],
  [
    "an unknown namespace",
    calling(LockService.method.getLock, () => ({ namespace: "über 100%", key: "k" })),
  ],
  ["a field that breaks a rule", acquiring("")],
  ["no session", calling(SessionService.method.keepAlive)],
  ["an unknown service", calling(Health.method.check, () => ({ service: "none" }))],
  ["a message that is none", calling(INFO_METHOD, undefined, {}, [0xff])],
  ["text that is not UTF-8", calling(acquire, undefined, {}, [0x2a, 1, 0xff])],
  ["a time-out that is none", calling(INFO_METHOD, undefined, timed("soon"))],
  [
    "too long a time-out",
    (session, isGrpc) =>
      calling(INFO_METHOD, undefined, timed(isGrpc ? "9999H" : "9999999999"))(session, isGrpc),
  ],
  [
    "a size announced too large",
    () => ({
      path: pathOf(INFO_METHOD),
      pieces: [],
      headers: { "content-length": "999999999" },
      unended: true,
    }),
  ],
  [
    "a compressed message",
    calling(INFO_METHOD, undefined, { "content-encoding": "gzip", "grpc-encoding": "gzip" }),
  ],
  ["an unknown method", () => ({ path: "/lockstep.v1.LockService/Nothing", pieces: [] })],
  ["an unknown service's method", () => ({ path: "/none/Nothing", pieces: [] })],
];

/** Bodies that are no plain message of gRPC; Connect takes any body for a message. */
export const odd: [string, Making][] = [
  ["no message", bytes()],
  ["a cut envelope", bytes(Uint8Array.of(0, 0, 0))],
  ["a cut message", bytes(Uint8Array.of(0, 0, 0, 0, 9, 1))],
  ["two messages", bytes(Uint8Array.of(0, 0, 0, 0, 0), Uint8Array.of(0, 0, 0, 0, 0))],
  ["two messages in one piece", bytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0))],
  ["the begin of a second message", bytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0))],
  ["a compressed envelope", bytes(Uint8Array.of(1, 0, 0, 0, 0))],
  [
    "a compressed envelope in pieces",
    bytes(Uint8Array.of(1, 0, 0, 0, 2), Uint8Array.of(1), Uint8Array.of(2)),
  ],
  ["flags nobody knows", bytes(Uint8Array.of(2, 0, 0, 0, 0))],
  ["an envelope too large", bytes(Uint8Array.of(0, 255, 255, 255, 255, 1))],
];
