import { toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import {
  type AttachResponse,
  AttachResponseSchema,
  DEFAULT_LIMITS,
  ErrorReason,
  LockMode,
  LockService,
} from "@lockstep/protocol";
import { expect, test } from "vitest";
import { Attached, callOf } from "../testing-support/attached.ts";
import {
  append,
  createDataset,
  datasetClient,
  Followed,
  put,
  refusal,
  text,
} from "../testing-support/datasets.ts";
import { openSession, testServers, transportTo } from "../testing-support/test-server.ts";

const startServer = testServers();

async function start(limits: object) {
  const running = await startServer({ limits: { ...DEFAULT_LIMITS, ...limits } });
  return { ...running, transport: transportTo(running.server.url) };
}

async function startWithDataset(limits: object) {
  const { server } = await start(limits);
  const client = datasetClient(transportTo(server.url));
  await createDataset(client);
  return client;
}

test("max_targets: so many are granted as one hold, and one more is refused [LOCK-6]", async () => {
  const { transport, namespace } = await start({ max_targets: 3 });
  const session = await openSession(transport);
  const locks = createClient(LockService, transport);
  const acquire = (requestId: bigint, ...keys: string[]) => {
    const targets = keys.map((key) => ({ key, mode: LockMode.EXCLUSIVE }));
    return locks.acquire({ session, requestId, targets });
  };
  expect(await refusal(acquire(1n, "a", "b", "c", "d"))).toMatchObject({
    reason: ErrorReason.INVALID_FIELD,
    metadata: { field: "targets", rule: "must have 1 to 3 entries" },
  });
  expect(namespace.info().counters?.holds).toBe(0n);
  expect((await acquire(1n, "a", "b", "c")).outcome.case).toBe("granted");
  for (const key of ["a", "b", "c"]) {
    const { lock } = await locks.getLock({ namespace: "default", key });
    expect(lock?.holders).toHaveLength(1);
  }
});

test("max_entry_key_bytes: a key of so many is kept whole, and a longer one refused [DATA-25]", async () => {
  const client = await startWithDataset({ max_entry_key_bytes: 5 });
  expect(await refusal(append(client, [put("fine", "1"), put("123456", "1")]))).toMatchObject({
    reason: ErrorReason.INVALID_FIELD,
    metadata: { field: "changes[1].key", rule: "must be 1 to 5 bytes" },
  });
  await append(client, [put("12345", "1")]);
  const { rows } = await client.scan({ dataset: "stock", namespace: "default" });
  expect(rows.map(({ key, seq }) => [text(key), seq])).toEqual([["12345", 1n]]);
});

test("max_snapshot_chunk_bytes: rows of so many are one chunk, and those above it go into the next [REP-50]", async () => {
  // Each row takes 4 bytes, but one that takes 20.
  const rows = [put("a", "111"), put("b", "222"), put("c", "333"), put("d", "4".repeat(19))];
  const chunksOf = async (limit: number) => {
    const client = await startWithDataset({ max_snapshot_chunk_bytes: limit });
    await append(client, [...rows, put("e", "555")]);
    const followed = new Followed(client);
    await followed.part("started");
    const chunks: string[] = [];
    for (;;) {
      const part = await followed.next();
      if (part.case === "snapshotChunk")
        chunks.push(part.value.rows.map(({ key }) => text(key)).join(""));
      if (part.case === "snapshotEnd") break;
    }
    followed.close();
    return chunks;
  };
  expect(await chunksOf(12)).toEqual(["abc", "d", "e"]);
  expect(await chunksOf(11)).toEqual(["ab", "c", "d", "e"]);
});

test("max_frame_bytes: replies of so many are one frame, and those above it go into the next [SES-76]", async () => {
  const CALLS = 9;
  const sizeOf = (...replies: AttachResponse["replies"]) =>
    toBinary(AttachResponseSchema, { ...frame, replies }).length;
  /** The frames that bring the refusals of calls that all came in one frame. */
  const framesOf = async (limit: number) => {
    const { transport } = await start({ max_frame_bytes: limit });
    const stream = new Attached(transport);
    await stream.open(await openSession(transport));
    const bad = (id: number) => callOf(BigInt(id), { case: "release", value: {} });
    stream.call(...Array.from({ length: CALLS }, (_, index) => bad(index + 1)));
    await stream.replies(CALLS);
    await stream.leave();
    return stream.received.slice(1).map(({ replies }) => replies);
  };
  const frame = { ...({ $typeName: "lockstep.v1.AttachResponse" } as const), news: [] };
  const [all = []] = await framesOf(DEFAULT_LIMITS.max_frame_bytes);
  expect(all).toHaveLength(CALLS);
  const three = sizeOf(...all.slice(0, 3));
  for (const [limit, counts] of [
    [three, [3, 3, 3]],
    [three - 1, [2, 2, 2, 2, 1]],
    [1, Array.from({ length: CALLS }, () => 1)],
  ] as const) {
    const frames = await framesOf(limit);
    expect(frames.map(({ length }) => length)).toEqual(counts);
    expect(frames.flat().map(({ callId }) => callId)).toEqual(all.map(({ callId }) => callId));
  }
});
