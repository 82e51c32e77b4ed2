import { ErrorReason, ReplicaState } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { Attached, callOf } from "../../testing-support/attached.ts";
import {
  append,
  createDataset,
  DATASET,
  datasetClient,
  Followed,
  put,
} from "../../testing-support/datasets.ts";
import { openSession, testServers, transportTo } from "../../testing-support/test-server.ts";

const start = testServers();

test("an Attach carries Append and Ack, and answers each as the unary call does [DATA-38]", async () => {
  const { server } = await start();
  const transport = transportTo(server.url);
  const client = datasetClient(transport);
  await createDataset(client);
  const replica = { dataset: DATASET.dataset, replica: "r" };
  const { generation } = await client.registerReplica({
    ...DATASET,
    ...replica,
    instance: new Uint8Array(16),
  });
  const followed = new Followed(client, { replica: "r", generation });
  const { subscriptionId } = await followed.part("started");
  const stream = new Attached(transport);
  await stream.open(await openSession(transport));
  const changes = [put("a", "1", { idempotencyKey: "x" }), put("b", "2")];
  const { dataset } = DATASET;
  stream.call(callOf(1n, { case: "append", value: { dataset, changes } }));
  const [appended] = await stream.replies(1);
  expect(appended?.reply).toMatchObject({
    case: "append",
    value: { lastSeq: 2n, headSeq: 2n, changes: [{ seq: 1n }, { seq: 2n }] },
  });
  const repeat = await append(client, [put("a", "1", { idempotencyKey: "x" })]);
  expect(repeat.changes).toMatchObject([{ seq: 1n, duplicate: true }]);
  const ack = { ...replica, generation, subscriptionId, appliedSeq: 2n, state: ReplicaState.OK };
  stream.call(callOf(2n, { case: "ack", value: ack }));
  stream.call(callOf(3n, { case: "ack", value: { ...ack, appliedSeq: 1n } }));
  const [acked, refused] = await stream.replies(2);
  expect(acked?.reply).toMatchObject({ case: "ack", value: { headSeq: 2n, inSync: true } });
  expect(refused?.reply).toMatchObject({
    case: "error",
    value: { detail: { reason: ErrorReason.ACK_REGRESSED } },
  });
  await stream.leave();
  followed.close();
});
