import { type ClientHttp2Stream, connect } from "node:http2";
import {
  create,
  type DescMessage,
  type MessageInitShape,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import {
  AttachRequestSchema,
  enveloped,
  SubscribeRequestSchema,
  WatchRequestSchema,
} from "@lockstep/protocol";
import { afterEach, expect, test } from "vitest";
import { Attached } from "../testing-support/attached.ts";
import { createDataset, DATASET, datasetClient } from "../testing-support/datasets.ts";
import { openSession, testServers, transportTo } from "../testing-support/test-server.ts";

const start = testServers();
const END_TAKEN_WITHIN_MS = 60_000;
const CONNECT = "application/connect+proto";

const opened: ClientHttp2Stream[] = [];
afterEach(() => {
  for (const stream of opened.splice(0)) stream.session?.destroy();
});

interface Asked<S extends DescMessage> {
  readonly method: string;
  readonly schema: S;
  readonly request: MessageInitShape<S>;
  readonly contentType?: string;
  readonly headers?: Record<string, string>;
}

/** Calls a stream as a client that takes nothing: its window is 0. Settles when the call has begun. */
async function unread<S extends DescMessage>(url: string, asked: Asked<S>) {
  const { method, schema, contentType = CONNECT, headers } = asked;
  const session = connect(url, { settings: { initialWindowSize: 0 } });
  const stream = session.request({
    ":method": "POST",
    ":path": `/lockstep.v1.${method}`,
    "content-type": contentType,
    ...headers,
  });
  opened.push(stream);
  stream.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => stream.once("close", resolve));
  const request = create(schema, asked.request);
  const message =
    contentType === CONNECT
      ? toBinary(schema, request)
      : new TextEncoder().encode(toJsonString(schema, request));
  stream.end(enveloped({ flags: 0, message }));
  await new Promise((resolve) => stream.once("response", resolve));
  stream.resume();
  return { stream, closed };
}

test("a subscription that ended in an error is cut when its client does not take the error", async () => {
  const { server, clock } = await start();
  const client = datasetClient(transportTo(server.url));
  const { datasetId } = await createDataset(client);
  const { stream, closed } = await unread(server.url, {
    method: "ReplicationService/Subscribe",
    schema: SubscribeRequestSchema,
    request: { ...DATASET, start: { case: "cursor", value: { seq: 0n } } },
  });
  await client.deleteDataset({ ...DATASET, datasetId, reason: "test" });
  await clock.advance(END_TAKEN_WITHIN_MS - 1);
  expect(stream.closed).toBe(false);
  await clock.advance(1);
  await closed;
});

test("a watch whose time has passed is cut when its client does not take the end", async () => {
  const { server, clock } = await start();
  const { closed } = await unread(server.url, {
    method: "LockService/Watch",
    schema: WatchRequestSchema,
    request: { namespace: "default" },
    headers: { "connect-timeout-ms": "1000" },
  });
  await clock.advance(1_000);
  await clock.advance(END_TAKEN_WITHIN_MS);
  await closed;
});

test.each([CONNECT, "application/connect+json"])(
  "an Attach in %s whose place another took is cut when its client does not take the end",
  async (contentType) => {
    const { server, clock } = await start();
    const session = await openSession(transportTo(server.url));
    const { closed } = await unread(server.url, {
      method: "SessionService/Attach",
      schema: AttachRequestSchema,
      request: { open: session },
      contentType,
    });
    const newer = new Attached(transportTo(server.url));
    await newer.open(session);
    await newer.leave();
    await clock.advance(END_TAKEN_WITHIN_MS);
    await closed;
  },
);
