import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { connect as connectSocket, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import {
  AcquireRequestSchema,
  AttachRequestSchema,
  LockMode,
  OpenSessionRequestSchema,
  SessionService,
} from "@lockstep/protocol";
import { realTime } from "../real-time.ts";
import { answerOf, begin, connection, messageHead, UNARY_PATHS } from "./calls.ts";
import { oversizedAppends, unreadSubscriptions } from "./datasets.ts";
import { CONNECTIONS, type Flood, type FloodTarget, MIB } from "./flood.ts";

/** Every way to flood a server, by name. */
export const floods: Readonly<Record<string, Flood>> = {
  "oversized messages": overAllCalls((stream) => {
    stream.end(Buffer.alloc(3 * MIB));
  }),
  "oversized messages that announce themselves": overAllCalls(
    (stream) => {
      stream.end(Buffer.alloc(1_000));
    },
    { "content-length": String(1024 * MIB) },
  ),
  "compressed messages": overAllCalls(
    (stream) => {
      stream.end(BOMB);
    },
    { "content-encoding": "gzip" },
  ),
  "compressed messages over gRPC": overAllCalls(
    (stream) => {
      stream.end(Buffer.concat([messageHead(1, BOMB.length), BOMB]));
    },
    { "content-type": "application/grpc+proto", "grpc-encoding": "gzip", te: "trailers" },
  ),
  "truncated messages over gRPC": overAllCalls(
    (stream) => {
      stream.end(Buffer.concat([messageHead(0, MIB), Buffer.alloc(5)]));
    },
    { "content-type": "application/grpc+proto", te: "trailers" },
  ),
  garbage: overAllCalls((stream) => {
    stream.end(Buffer.alloc(2_000, 0xff));
  }),
  "messages that come byte by byte": slowBodies,
  "streams that nobody reads": unreadStreams,
  "calls that are reset at once": rapidResets,
  "connections that say nothing": silentConnections,
  "sessions without end": endlessSessions,
  "an Attach that never reads": unreadAttach,
  "subscriptions that nobody reads": unreadSubscriptions,
  "appends that are too large": oversizedAppends,
};

const BOMB = gzipSync(Buffer.alloc(64 * MIB));

/** Makes the same bad call of every kind, again and again over several connections. */
function overAllCalls(
  send: (stream: ClientHttp2Stream) => void,
  headers: Record<string, string> = {},
): Flood {
  return async ({ url, untilMs, tally }) => {
    const worker = async () => {
      let session = connection(url, tally);
      for (let at = 0; performance.now() < untilMs || at < UNARY_PATHS.length; at++) {
        const stream = begin(session, UNARY_PATHS[at % UNARY_PATHS.length] as string, headers);
        if (stream === undefined) {
          session = connection(url, tally);
          continue;
        }
        tally.attempts += 1;
        const answered = answerOf(stream, tally);
        send(stream);
        await answered;
      }
      session.destroy();
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  };
}

async function slowBodies({ url, untilMs, tally }: FloodTarget): Promise<void> {
  const sessions = Array.from({ length: CONNECTIONS }, () => connection(url, tally));
  const streams = sessions.flatMap((session) =>
    Array.from({ length: 100 }, (_, at) =>
      begin(session, UNARY_PATHS[at % UNARY_PATHS.length] as string),
    ),
  );
  for (const stream of streams) if (stream !== undefined) void answerOf(stream, tally);
  while (performance.now() < untilMs) {
    for (const stream of streams) {
      if (stream === undefined || stream.destroyed) continue;
      tally.attempts += 1;
      stream.write(Buffer.alloc(1));
    }
    await realTime(50, "between two bytes of a slow body");
  }
  for (const session of sessions) session.destroy();
}

/** Watches and Attaches whose connection gives no window: what the server wants to say stays with it. */
async function unreadStreams({ url, untilMs, tally }: FloodTarget): Promise<void> {
  const sessions: ClientHttp2Session[] = [];
  const watch = Buffer.from([0, 0, 0, 0, 9, 0x0a, 7, ...Buffer.from("default")]);
  while (performance.now() < untilMs && sessions.length < 40) {
    const session = connection(url, tally);
    sessions.push(session);
    for (let at = 0; at < 120; at++) {
      const stream = begin(session, "/lockstep.v1.LockService/Watch", {
        "content-type": "application/connect+proto",
      });
      if (stream === undefined) break;
      tally.attempts += 1;
      stream.pause();
      stream.end(watch);
    }
    await realTime(20, "for the server to take these streams in");
  }
  const waitMs = Math.max(0, untilMs - performance.now());
  await realTime(waitMs, "with all streams open and unread");
  tally.answered("left open");
  for (const session of sessions) session.destroy();
}

async function rapidResets({ url, untilMs, tally }: FloodTarget): Promise<void> {
  let session = connection(url, tally);
  while (performance.now() < untilMs) {
    for (let at = 0; at < 200; at++) {
      const stream = begin(session, "/lockstep.v1.ServerService/GetServerInfo");
      if (stream === undefined) {
        session = connection(url, tally);
        break;
      }
      tally.attempts += 1;
      stream.write(Buffer.alloc(3));
      stream.close(8);
    }
    await realTime(1, "for the resets to leave");
  }
  session.destroy();
}

async function silentConnections({ url, untilMs, tally }: FloodTarget): Promise<void> {
  const { hostname, port } = new URL(url);
  const sockets: Socket[] = [];
  while (performance.now() < untilMs) {
    for (let at = 0; at < 50 && sockets.length < 3_000; at++) {
      const socket = connectSocket(Number(port), hostname);
      socket.on("error", () => undefined);
      socket.on("close", () => tally.answered("closed"));
      tally.attempts += 1;
      sockets.push(socket);
    }
    await realTime(20, "for the connections to be accepted");
  }
  for (const socket of sockets) socket.destroy();
}

async function endlessSessions({ url, untilMs, tally }: FloodTarget): Promise<void> {
  const worker = async () => {
    const transport = createConnectTransport({ baseUrl: url, httpVersion: "2" });
    const client = createClient(SessionService, transport);
    while (performance.now() < untilMs) {
      tally.attempts += 1;
      const secret = crypto.getRandomValues(new Uint8Array(32));
      const opened = client.openSession({ namespace: "default", secret, ttlMs: 2_000n });
      await opened.then(
        () => tally.answered("opened"),
        () => tally.answered("refused"),
      );
    }
  };
  await Promise.all(Array.from({ length: 4 * CONNECTIONS }, worker));
}

/** One session that asks for locks as fast as it can write, and reads no reply. */
async function unreadAttach({ url, untilMs, tally }: FloodTarget): Promise<void> {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const opener = createClient(
    SessionService,
    createConnectTransport({ baseUrl: url, httpVersion: "2" }),
  );
  const { sessionId } = await opener.openSession(
    create(OpenSessionRequestSchema, { namespace: "default", secret, ttlMs: 60_000n }),
  );
  const session = connection(url, tally);
  const stream = begin(session, "/lockstep.v1.SessionService/Attach", {
    "content-type": "application/connect+proto",
  });
  if (stream === undefined) throw new Error("the server takes no stream");
  stream.pause();
  stream.write(envelope({ open: { namespace: "default", sessionId, secret } }));
  for (let id = 1n; performance.now() < untilMs; ) {
    const calls = [];
    for (let at = 0; at < 500; at++, id++) {
      const targets = [{ key: `flood/${id}`, mode: LockMode.EXCLUSIVE }];
      const value = create(AcquireRequestSchema, { requestId: id, targets, waitMs: 60_000n });
      calls.push({ callId: id, request: { case: "acquire" as const, value } });
      tally.attempts += 1;
    }
    if (stream.destroyed) break;
    if (!stream.write(envelope({ calls })))
      await realTime(5, "for the server to read on, if it does");
  }
  tally.answered("left open");
  session.destroy();
}

function envelope(message: Parameters<typeof create<typeof AttachRequestSchema>>[1]): Buffer {
  const bytes = toBinary(AttachRequestSchema, create(AttachRequestSchema, message));
  return Buffer.concat([messageHead(0, bytes.length), bytes]);
}
