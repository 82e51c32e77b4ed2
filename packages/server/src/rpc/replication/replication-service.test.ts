import { AppendOutcome, ReplicaState, ReplicationMode } from "@lockstep/protocol";
import { expect, test } from "vitest";
import {
  append,
  createDataset,
  DATASET,
  datasetClient,
  Followed,
  put,
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

test("an append with a quorum is answered when the replica acknowledges it [DATA-62]", async () => {
  const { server } = await start();
  const client = datasetClient(transportTo(server.url));
  await createDataset(client);
  const replica = { ...DATASET, replica: "r" };
  const { generation } = await client.registerReplica({ ...replica, instance: new Uint8Array(16) });
  const followed = new Followed(client, { replica: "r", generation });
  const { subscriptionId } = await followed.part("started");
  const ack = (appliedSeq: bigint) =>
    client.ack({
      ...replica,
      generation,
      subscriptionId,
      appliedSeq,
      state: ReplicaState.OK,
    });
  await ack(0n);
  const durability = { mode: ReplicationMode.QUORUM, replicas: 1 };
  const appending = append(client, [put("a", "1")], { durability });
  await followed.part("snapshotEnd");
  await followed.part("changes");
  expect(await ack(1n)).toMatchObject({ headSeq: 1n, inSync: true });
  expect(await appending).toMatchObject({ outcome: AppendOutcome.APPENDED, appliedBy: ["r"] });
  followed.close();
});
