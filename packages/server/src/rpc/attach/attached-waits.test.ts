import { createClient } from "@connectrpc/connect";
import {
  AppendOutcome,
  ErrorReason,
  errorDetailOf,
  ReplicaState,
  ReplicationMode,
  SessionService,
} from "@lockstep/protocol";
import { expect, test } from "vitest";
import { Attached, callOf } from "../../testing-support/attached.ts";
import {
  createDataset,
  DATASET,
  datasetClient,
  Followed,
  put,
} from "../../testing-support/datasets.ts";
import {
  acquireOf,
  lockClient,
  openSession,
  testServers,
  transportTo,
} from "../../testing-support/test-server.ts";

const start = testServers();
const STOP_GRACE_MS = 1_000;

/** An Attach with an append that is durable and waits for a replica. */
async function waitingAppend() {
  const running = await start();
  const transport = transportTo(running.server.url);
  const client = datasetClient(transport);
  await createDataset(client);
  const replica = { ...DATASET, replica: "r" };
  const { generation } = await client.registerReplica({ ...replica, instance: new Uint8Array(16) });
  const followed = new Followed(client, { replica: "r", generation });
  const { subscriptionId } = await followed.part("started");
  const ack = (appliedSeq: bigint) =>
    client.ack({ ...replica, generation, subscriptionId, appliedSeq, state: ReplicaState.OK });
  await ack(0n);
  const session = await openSession(transport);
  const stream = new Attached(transport);
  await stream.open(session);
  const durability = { mode: ReplicationMode.QUORUM, replicas: 1 };
  const value = { dataset: DATASET.dataset, changes: [put("a", "1")], durability };
  stream.call(callOf(1n, { case: "append", value }));
  await expect.poll(async () => (await client.describeDataset(DATASET)).head?.seq).toBe(1n);
  return { running, transport, session, stream, followed, ack };
}

const acquire = (key: string, requestId: bigint) => ({
  case: "acquire",
  value: acquireOf(key, requestId, { waitMs: 60_000n }),
});

const reasonOf = (error: unknown) => ErrorReason[errorDetailOf(error)?.reason ?? 0];

test("an append that waits for replicas is answered after its client has ended its side", async () => {
  const { stream, followed, ack } = await waitingAppend();
  stream.close();
  await ack(1n);
  expect(await stream.ended()).toBeUndefined();
  expect(stream.received.flatMap(({ replies }) => replies)).toMatchObject([
    { callId: 1n, reply: { case: "append", value: { outcome: AppendOutcome.APPENDED } } },
  ]);
  followed.close();
});

test("an append that waits for replicas is answered SERVER_STOPPING when the server stops, as is its stream [GEN-96]", async () => {
  const { running, stream, followed } = await waitingAppend();
  followed.close();
  const stopped = running.server.close();
  await running.clock.advance(STOP_GRACE_MS);
  expect(reasonOf(await stream.ended())).toBe("SERVER_STOPPING");
  expect(stream.received.flatMap(({ replies }) => replies)).toMatchObject([
    {
      callId: 1n,
      reply: { case: "error", value: { detail: { reason: ErrorReason.SERVER_STOPPING } } },
    },
  ]);
  await stopped;
});

test("an append that waits for replicas ends with its Attach when a newer one takes over", async () => {
  const { transport, session, stream, followed } = await waitingAppend();
  const newer = new Attached(transport);
  await newer.open(session);
  expect(reasonOf(await stream.ended())).toBe("ATTACH_SUPERSEDED");
  expect(stream.received.flatMap(({ replies }) => replies)).toEqual([]);
  await newer.leave();
  followed.close();
});

test("answers what was granted before the client ended its side, and not what waits [SES-71, SES-79]", async () => {
  const running = await start();
  const shared = transportTo(running.server.url);
  const [holder, session] = [await openSession(shared, 1), await openSession(shared, 2)];
  const stream = new Attached(shared);
  await stream.open(session);
  await lockClient(shared).acquire({ session: holder, ...acquireOf("taken", 1n) });
  running.journal.hold();
  stream.call(callOf(1n, acquire("taken", 1n)), callOf(2n, acquire("free", 2n)));
  stream.close();
  // On the same connection: when it is answered, the server has seen the end.
  await createClient(SessionService, shared).keepAlive({ session, seq: 1n });
  running.journal.resume();
  expect(await stream.ended()).toBeUndefined();
  expect(stream.received.flatMap(({ replies }) => replies)).toMatchObject([
    { callId: 2n, reply: { case: "acquire", value: { outcome: { case: "granted" } } } },
  ]);
  const { tickets } = await createClient(SessionService, shared).getSession({ session });
  expect(tickets).toHaveLength(1);
});

test("ends for a client that has ended its side before its request was decided, and waits [SES-79]", async () => {
  const running = await start();
  const shared = transportTo(running.server.url);
  const [holder, session] = [await openSession(shared, 1), await openSession(shared, 2)];
  await lockClient(shared).acquire({ session: holder, ...acquireOf("taken", 1n) });
  const stream = new Attached(shared);
  await stream.open(session);
  stream.call(callOf(1n, acquire("taken", 1n)));
  stream.close();
  expect(await stream.ended()).toBeUndefined();
  expect(stream.received.flatMap(({ replies }) => replies)).toEqual([]);
  await expect
    .poll(async () => (await createClient(SessionService, shared).getSession({ session })).tickets)
    .toHaveLength(1);
});
