import { DEFAULT_LIMITS, ErrorReason, ReplicaState } from "@lockstep/protocol";
import { afterEach, expect, test } from "vitest";
import {
  append,
  bytes,
  createDataset,
  DATASET,
  datasetClient,
  Followed,
  put,
  refusal,
  refused,
  text,
} from "../../testing-support/datasets.ts";
import { testServers, transportTo } from "../../testing-support/test-server.ts";

const startServer = testServers();
const followers: Followed[] = [];
afterEach(() => {
  for (const follower of followers.splice(0)) follower.close();
});

type Options = Parameters<typeof startServer>[0];

async function start(policy: object = {}, options: Options = {}) {
  const running = await startServer(options);
  const client = datasetClient(transportTo(running.server.url));
  const dataset = await createDataset(client, policy);
  const follow = (request: object = {}) => {
    const follower = new Followed(client, request);
    followers.push(follower);
    return follower;
  };
  return { running, client, dataset, follow };
}

type Started = Awaited<ReturnType<typeof start>>;

/** Registers a replica and follows as it. */
async function replicaOf({ client, follow }: Started, request: object = {}) {
  const replica = { ...DATASET, replica: "r" };
  const { generation } = await client.registerReplica({ ...replica, instance: new Uint8Array(16) });
  const follower = follow({ replica: "r", generation, ...request });
  const started = await follower.part("started");
  const ack = (appliedSeq: bigint, subscriptionId = started.subscriptionId) =>
    client.ack({ ...replica, generation, subscriptionId, appliedSeq, state: ReplicaState.OK });
  return { follower, started, ack, generation };
}

const cursorAt = (seq: bigint, logHash: Uint8Array = new Uint8Array()) => ({
  start: { case: "cursor", value: { seq, logHash } },
});

test("a reader begins with the batch in which the next seq lies, and gets whole batches [REP-33, REP-34, REP-45]", async () => {
  const { client, follow } = await start();
  await append(client, [put("a", "1"), put("b", "2")]);
  await append(client, [put("c", "3"), put("d", "4")]);
  const follower = follow(cursorAt(3n));
  const started = await follower.part("started");
  expect([started.low?.seq, started.head?.seq, started.snapshotId]).toEqual([2n, 4n, 0n]);
  const changes = await follower.part("changes");
  expect([changes.prevSeq, changes.lastSeq, changes.batchEnds]).toEqual([2n, 4n, [4n]]);
  expect(changes.logHash).toEqual(started.head?.logHash);
});

test("a checkpoint comes behind the change of its seq, also to who stands exactly there [REP-60, REP-62]", async () => {
  const { running, client, follow } = await start({ checkpointChanges: 2 });
  await append(client, [put("a", "1"), put("b", "2")]);
  await running.clock.advance(1);
  const first = follow(cursorAt(0n));
  const { head } = await first.part("started");
  expect((await first.part("changes")).lastSeq).toBe(2n);
  expect(await first.part("checkpoint")).toMatchObject({ seq: 2n, logHash: head?.logHash });
  const standing = follow(cursorAt(2n, head?.logHash));
  await standing.part("started");
  expect((await standing.part("checkpoint")).seq).toBe(2n);
  await append(client, [put("c", "3"), put("d", "4")]);
  await running.clock.advance(1);
  for (const follower of [first, standing]) {
    expect((await follower.part("changes")).lastSeq).toBe(4n);
    expect((await follower.part("checkpoint")).seq).toBe(4n);
  }
});

test("a heartbeat with the head is sent when nothing else was for a second [REP-37]", async () => {
  const { running, client, follow } = await start();
  await append(client, [put("a", "1")]);
  const follower = follow(cursorAt(1n));
  await follower.part("started");
  const next = follower.next();
  await running.clock.advance(1_000);
  expect(await next).toMatchObject({ case: "heartbeat", value: { headSeq: 1n } });
});

test("the newest subscription of a generation ends the one before, whose Acks are refused [REP-13, REP-41]", async () => {
  const world = await start();
  const { follower, ack, generation } = await replicaOf(world);
  const newer = world.follow({ replica: "r", generation });
  const { subscriptionId } = await newer.part("started");
  await expect(refused(ended(follower))).resolves.toBe(ErrorReason.SUBSCRIPTION_SUPERSEDED);
  expect(await refused(ack(0n))).toBe(ErrorReason.SUBSCRIPTION_UNKNOWN);
  expect((await ack(0n, subscriptionId)).headSeq).toBe(0n);
});

test("a replica is sent no more than its window beyond its last Ack, and goes on when it acknowledges [REP-38]", async () => {
  const world = await start();
  const { follower, ack } = await replicaOf(world, { windowBytes: 1n });
  await follower.part("snapshotEnd");
  await append(world.client, [put("a", "1")]);
  await append(world.client, [put("b", "2")]);
  expect((await follower.part("changes")).lastSeq).toBe(1n);
  const next = follower.next();
  await world.running.clock.advance(1_000);
  expect(await next).toMatchObject({ case: "heartbeat", value: { headSeq: 2n } });
  await ack(1n);
  expect((await follower.part("changes")).lastSeq).toBe(2n);
});

test("one that acknowledges nothing while there is more is ended with where to go on [REP-39]", async () => {
  const world = await start();
  const { follower } = await replicaOf(world, { windowBytes: 1n });
  await follower.part("snapshotEnd");
  await append(world.client, [put("a", "1")]);
  await append(world.client, [put("b", "2")]);
  const { logHash } = await follower.part("changes");
  const over = refusal(ended(follower));
  await world.running.clock.advance(DEFAULT_LIMITS.max_subscriber_stall_ms + 1_000);
  const { reason, metadata } = await over;
  expect(reason).toBe(ErrorReason.SLOW_CONSUMER);
  expect(metadata).toEqual({ seq: "1", log_hash: Buffer.from(logHash).toString("hex") });
});

test("a cursor that is none of this log is refused, and one that is behind what is kept [REP-31, REP-32, DATA-70]", async () => {
  const { running, client, follow } = await start({ retentionChanges: 1n, checkpointChanges: 1 });
  for (const key of ["a", "b", "c"]) {
    await append(client, [put(key, key)]);
    await running.clock.advance(1);
  }
  expect(await refused(ended(follow(cursorAt(9n))))).toBe(ErrorReason.LOG_DIVERGED);
  const made_up = cursorAt(2n, new Uint8Array(32).fill(7));
  expect(await refused(ended(follow(made_up)))).toBe(ErrorReason.LOG_DIVERGED);
  await running.clock.advance(20_000);
  const { dataset } = await client.describeDataset(DATASET);
  expect(dataset?.floorSeq).toBe(2n);
  const { reason, metadata } = await refusal(ended(follow(cursorAt(1n))));
  expect([reason, metadata.floor]).toEqual([ErrorReason.COMPACTED, "2"]);
});

test("the log goes up to what a snapshot holds, though the policy keeps less [DATA-70, DATA-72]", async () => {
  const { running, client, follow } = await start({ retentionChanges: 1n, checkpointChanges: 1 });
  const write = async (...keys: string[]) => {
    for (const key of keys) {
      await append(client, [put(key, "x".repeat(200_000))]);
      await running.clock.advance(1);
    }
  };
  const floor = async () => (await client.describeDataset(DATASET)).dataset?.floorSeq;
  await write("a", "b");
  const reader = follow();
  expect((await reader.part("started")).low?.seq).toBe(2n);
  await reader.part("snapshotChunk");
  reader.close();
  await write("c", "d");
  await running.clock.advance(20_000);
  expect(await floor()).toBe(2n);
  await running.clock.advance(DEFAULT_LIMITS.snapshot_lease_ms);
  expect(await floor()).toBe(3n);
});

test("a snapshot comes in chunks by key, and is resumed after the last key that was taken [REP-50, REP-51, REP-53]", async () => {
  const { client, follow } = await start();
  const large = "x".repeat(200_000);
  const keys = ["a", "b", "c"];
  for (const key of keys) await append(client, [put(key, large)]);
  const first = follow();
  const { snapshotId, low } = await first.part("started");
  expect(keysOf(await first.part("snapshotChunk"))).toEqual(["a"]);
  first.close();
  await append(client, [put("d", "4")]);
  const resumed = follow({
    start: { case: "snapshot", value: { snapshotId, low, afterKey: bytes("a") } },
  });
  const again = await resumed.part("started");
  expect(again.low).toEqual(low);
  const found = [
    ...keysOf(await resumed.part("snapshotChunk")),
    ...keysOf(await resumed.part("snapshotChunk")),
  ];
  expect(found).toEqual(["b", "c", "d"]);
  expect((await resumed.part("snapshotEnd")).high?.seq).toBe(4n);
  expect((await resumed.part("changes")).prevSeq).toBe(3n);
});

test("the end of a dataset ends its subscriptions, and leaves nothing of it [DATA-8]", async () => {
  const { running, client, dataset, follow } = await start();
  await append(client, [put("a", "1")]);
  const follower = follow(cursorAt(1n));
  await follower.part("started");
  await client.deleteDataset({ ...DATASET, datasetId: dataset.datasetId, reason: "test" });
  expect(await refused(ended(follower))).toBe(ErrorReason.DATASET_UNKNOWN);
  await running.clock.advance(10_000);
  expect(await running.journal.datasetIds()).toEqual([]);
});

test("a subscription ends when its namespace has stopped, and when the server stops", async () => {
  for (const stop of ["stopNamespace", "close"] as const) {
    const { running, follow } = await start();
    const follower = follow(cursorAt(0n));
    await follower.part("started");
    const over = refused(ended(follower));
    await running[stop]();
    expect(await over).toBe(ErrorReason.SERVER_STOPPING);
  }
});

test("a subscription is not compressed, although the client would take it so [REP-46]", async () => {
  const { client } = await start();
  await append(client, [put("a", "x".repeat(100_000))]);
  const leave = new AbortController();
  let headers: Headers | undefined;
  const onHeader = (given: Headers) => {
    headers = given;
  };
  const stream = client.subscribe(DATASET, { signal: leave.signal, onHeader });
  const parts = stream[Symbol.asyncIterator]();
  await parts.next();
  expect(headers?.get("content-type")).toContain("application/connect+");
  expect(headers?.get("connect-content-encoding")).toBeNull();
  leave.abort();
});

test("subscriptions are bounded in all and by principal [REP-42]", async () => {
  const bounds = [
    ["max_subscriptions", { max_subscriptions: 1 }],
    ["max_subscriptions_per_principal", { max_subscriptions_per_principal: 1 }],
  ] as const;
  for (const [limit, limits] of bounds) {
    const { follow } = await start({}, { limits: { ...DEFAULT_LIMITS, ...limits } });
    const first = follow();
    await first.part("started");
    const { reason, metadata } = await refusal(ended(follow()));
    expect([reason, metadata.limit]).toEqual([ErrorReason.LIMIT_EXCEEDED, limit]);
  }
});

test("a row that is damaged ends a snapshot, and is named [DATA-90]", async () => {
  const { running, client, dataset, follow } = await start();
  await append(client, [put("a", "1"), put("b", "2")]);
  running.journal.damageRow(dataset.datasetId, bytes("b"));
  const { reason, metadata } = await refusal(ended(follow()));
  expect([reason, metadata.key]).toEqual([ErrorReason.DATASET_DAMAGED, "62"]);
});

/** Takes parts until the subscription ends. */
async function ended(follower: Followed): Promise<void> {
  for (;;) await follower.next();
}

function keysOf({ rows }: { rows: readonly { key: Uint8Array }[] }) {
  return rows.map(({ key }) => text(key));
}
