import {
  AppendOutcome,
  DEFAULT_LIMITS,
  ErrorReason,
  ReplicaState,
  ReplicationMode,
} from "@lockstep/protocol";
import { expect, test } from "vitest";
import {
  append,
  createDataset,
  DATASET,
  datasetClient,
  Followed,
  put,
  refusal,
  refused,
  remove,
  text,
} from "../../testing-support/datasets.ts";
import { testServers, transportTo } from "../../testing-support/test-server.ts";

const start = testServers();

test("what was appended is read back, described, listed and followed from a snapshot on [DATA-23, DATA-80, REP-50]", async () => {
  const { server } = await start();
  const client = datasetClient(transportTo(server.url));
  await createDataset(client);
  const first = await append(client, [put("a", "1"), put("b", "2"), put("c", "3")]);
  expect(first.changes.map(({ seq }) => seq)).toEqual([1n, 2n, 3n]);
  await append(client, [remove("b"), put("a", "4")]);
  const { row, position } = await client.get({ ...DATASET, key: Buffer.from("a") });
  expect([text(row?.value), row?.seq, position?.appliedSeq]).toEqual(["4", 5n, 5n]);
  const { rows, more } = await client.scan({ ...DATASET });
  expect([rows.map(({ key }) => text(key)), more]).toEqual([["a", "c"], false]);
  const described = await client.describeDataset(DATASET);
  expect([described.head?.seq, described.head?.count]).toEqual([5n, 2n]);

  const followed = new Followed(client);
  const started = await followed.part("started");
  expect(started.low?.seq).toBe(5n);
  const chunk = await followed.part("snapshotChunk");
  expect(chunk.rows.map(({ key }) => text(key))).toEqual(["a", "c"]);
  const end = await followed.part("snapshotEnd");
  expect(end.high).toMatchObject({ seq: 5n, count: 2n, root: described.head?.root });
  await append(client, [put("d", "5"), put("e", "6")]);
  const changes = await followed.part("changes");
  expect([changes.prevSeq, changes.lastSeq, changes.batchEnds]).toEqual([5n, 7n, [7n]]);
  followed.close();
});

/** Registers a replica that says it is OK, and follows as it. */
async function replicaOf(client: ReturnType<typeof datasetClient>) {
  const replica = { ...DATASET, replica: "r" };
  const { generation } = await client.registerReplica({ ...replica, instance: new Uint8Array(16) });
  const followed = new Followed(client, { replica: "r", generation });
  const { subscriptionId } = await followed.part("started");
  const ack = (appliedSeq: bigint) =>
    client.ack({ ...replica, generation, subscriptionId, appliedSeq, state: ReplicaState.OK });
  await ack(0n);
  return { followed, ack };
}

test("an append with a quorum is answered when the replica acknowledges it [DATA-62]", async () => {
  const { server } = await start();
  const client = datasetClient(transportTo(server.url));
  await createDataset(client);
  const { followed, ack } = await replicaOf(client);
  const durability = { mode: ReplicationMode.QUORUM, replicas: 1 };
  const appending = append(client, [put("a", "1")], { durability });
  await followed.part("snapshotEnd");
  await followed.part("changes");
  expect(await ack(1n)).toMatchObject({ headSeq: 1n, inSync: true });
  expect(await appending).toMatchObject({ outcome: AppendOutcome.APPENDED, appliedBy: ["r"] });
  followed.close();
});

test("an append that waits for replicas does not keep the server from stopping, and is told so", async () => {
  const { server, clock } = await start();
  const client = datasetClient(transportTo(server.url));
  await createDataset(client);
  const { followed } = await replicaOf(client);
  followed.close();
  const durability = { mode: ReplicationMode.QUORUM, replicas: 1 };
  const over = [
    refused(append(client, [put("a", "1")], { durability })),
    refused(client.waitForReplication({ ...DATASET, seq: 1n, durability })),
  ];
  await expect.poll(async () => (await client.describeDataset(DATASET)).head?.seq).toBe(1n);
  const closing = server.close();
  await clock.advance(1_000);
  expect((await Promise.all(over))[0]).toBe(ErrorReason.SERVER_STOPPING);
  await closing;
});

test("a batch that is too large is refused by its limit, and nothing is appended [DATA-25, DATA-92, REP-102]", async () => {
  const { server } = await start({
    limits: { ...DEFAULT_LIMITS, max_append_changes: 2, max_append_bytes: 10 },
  });
  const client = datasetClient(transportTo(server.url));
  await createDataset(client);
  const many = await refusal(append(client, [put("a", ""), put("b", ""), put("c", "")]));
  expect(many.metadata.limit).toBe("max_append_changes");
  const large = await refusal(append(client, [put("a", "0123456789")]));
  expect(large.metadata.limit).toBe("max_append_bytes");
  const beyond = [
    client.getDigestNodes({ ...DATASET, level: 4, indices: upTo(16_385) }),
    client.listBucket({ ...DATASET, buckets: upTo(65) }),
    client.fetchEntries({ ...DATASET, keys: upTo(1_001).map((at) => Buffer.from(`${at}`)) }),
    client.scrubDataset({ ...DATASET, buckets: 4_097 }),
  ];
  const limits = (await Promise.all(beyond.map(refusal))).map(({ metadata }) => metadata.limit);
  expect(limits).toEqual([
    "max_digest_nodes",
    "max_buckets",
    "max_fetch_keys",
    "max_scrub_buckets",
  ]);
  expect((await client.describeDataset(DATASET)).head?.seq).toBe(0n);
});

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
