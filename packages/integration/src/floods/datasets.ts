// Floods of a dataset that exists: it is made, and where they need rows filled, by the flood itself.
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { gzipSync } from "node:zlib";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import {
  AppendRequestSchema,
  ChangeOp,
  DEFAULT_LIMITS,
  ReplicationService,
  SubscribeRequestSchema,
} from "@lockstep/protocol";
import { realTime } from "../real-time.ts";
import { answerOf, begin, connection, messageHead } from "./calls.ts";
import { CONNECTIONS, type FloodTarget, MIB } from "./flood.ts";

const DATASET = { namespace: "default", dataset: "flooded" };
/** As large as a message of a subscription is at most, unless a single batch is larger. */
const BATCH_BYTES = MIB / 4 - 1_024;
const BATCHES = 48;
/**
 * So many that the whole log for each of them, 12 MiB, is far more than the test lets the server take, and so few that
 * what each may have on its way, some messages, is far less.
 */
const SUBSCRIPTIONS = 240;
const STREAMS_PER_CONNECTION = 120;
/** How long the server is given to send to all of those it has taken in. */
const SENT_WITHIN_MS = 1_500;

/**
 * Many subscriptions of a dataset with some MiB of changes, over connections that read nothing: what the server wants
 * to send stays with it.
 */
export async function unreadSubscriptions({ url, untilMs, tally }: FloodTarget): Promise<void> {
  const datasets = await madeDataset(url);
  for (let at = 0; at < BATCHES; at++) {
    await datasets.append({ ...DATASET, changes: [put(at, BATCH_BYTES)] });
  }
  const start = { case: "cursor", value: { seq: 0n } } as const;
  const request = create(SubscribeRequestSchema, { ...DATASET, start });
  const body = toBinary(SubscribeRequestSchema, request);
  const subscribe = Buffer.concat([messageHead(0, body.length), body]);
  const sessions: ClientHttp2Session[] = [];
  const streams: ClientHttp2Stream[] = [];
  const begun: Promise<unknown>[] = [];
  while (sessions.length * STREAMS_PER_CONNECTION < SUBSCRIPTIONS) {
    const session = connection(url, tally);
    sessions.push(session);
    for (let at = 0; at < STREAMS_PER_CONNECTION; at++) {
      const stream = begin(session, "/lockstep.v1.ReplicationService/Subscribe", {
        "content-type": "application/connect+proto",
      });
      if (stream === undefined) break;
      tally.attempts += 1;
      streams.push(stream);
      begun.push(new Promise((resolve) => stream.once("response", resolve).once("close", resolve)));
      stream.pause();
      stream.end(subscribe);
    }
    await realTime(20, "for the server to take these streams in");
  }
  await Promise.all(begun);
  const waitMs = Math.max(SENT_WITHIN_MS, untilMs - performance.now());
  await realTime(waitMs, "with all subscriptions open and unread");
  // One that was refused would be no flood.
  for (const { closed, state } of streams)
    tally.answered(closed || state.remoteClose === 1 ? "subscription ended" : "left open");
  for (const session of sessions) session.destroy();
}

/** Good appends but for their size: too large in one way or another, as they are and compressed. */
export async function oversizedAppends({ url, untilMs, tally }: FloodTarget): Promise<void> {
  const datasets = await madeDataset(url);
  const worker = async () => {
    let session = connection(url, tally);
    for (let at = 0; performance.now() < untilMs || at < APPENDS.length; at++) {
      const { headers, body } = APPENDS[at % APPENDS.length] as Sent;
      const stream = begin(session, "/lockstep.v1.ReplicationService/Append", headers);
      if (stream === undefined) {
        session = connection(url, tally);
        continue;
      }
      tally.attempts += 1;
      const answered = answerOf(stream, tally);
      stream.end(body);
      await answered;
    }
    session.destroy();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  const { head } = await datasets.describeDataset(DATASET);
  if (head?.seq !== 0n) tally.answered("appended");
}

/** One way to send an append. */
interface Sent {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

const APPENDS: readonly Sent[] = [
  // Above `max_append_bytes`, though as a message it is small enough.
  appendOf([put(0, MIB + MIB / 2)]),
  // Above `max_append_changes`.
  appendOf(Array.from({ length: 10 * DEFAULT_LIMITS.max_append_changes }, (_, at) => put(at, 1))),
  // Above `max_request_bytes`.
  appendOf(Array.from({ length: 16 }, (_, at) => put(at, MIB))),
  // Small, and beyond everything once it is decompressed.
  appendOf(Array.from({ length: 64 }, (_, at) => put(at, MIB))),
].flatMap((plain, at, { length }) => {
  const isLast = at === length - 1;
  const compressed = gzipSync(plain);
  const gzip = { "content-encoding": "gzip" };
  const grpc = { "content-type": "application/grpc+proto", te: "trailers" };
  const grpcGzip = { ...grpc, "grpc-encoding": "gzip" };
  const ways: Sent[] = [
    { headers: gzip, body: compressed },
    { headers: grpcGzip, body: inMessage(1, compressed) },
  ];
  if (isLast) return ways;
  return [...ways, { headers: {}, body: plain }, { headers: grpc, body: inMessage(0, plain) }];
});

type NewChange = NonNullable<MessageInitShape<typeof AppendRequestSchema>["changes"]>[number];

function put(at: number, valueBytes: number): NewChange {
  const key = Buffer.from(`row ${at}`);
  return { op: ChangeOp.PUT, key, value: Buffer.alloc(valueBytes, "x"), schemaVersion: 1 };
}

function appendOf(changes: NewChange[]): Buffer {
  const request = create(AppendRequestSchema, { ...DATASET, changes });
  return Buffer.from(toBinary(AppendRequestSchema, request));
}

function inMessage(flags: number, body: Buffer): Buffer {
  return Buffer.concat([messageHead(flags, body.length), body]);
}

async function madeDataset(url: string): Promise<Client<typeof ReplicationService>> {
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "2" });
  const client = createClient(ReplicationService, transport);
  await client.createDataset({ ...DATASET, reason: "to be flooded" });
  return client;
}
