import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Client } from "@lockstep/client/node";
import { ChangeOp, ReplicationMode } from "@lockstep/protocol";
import { MemoryStore, type Replica, type ReplicateOptions, replicate } from "@lockstep/replica";
import { SqliteStore } from "@lockstep/replica/sqlite";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../eventually.ts";
import { clientForTest, serverForTest } from "../world.ts";

const dataset = "orders";
const bytes = (text: string) => new TextEncoder().encode(text);

function change(key: string, value?: string) {
  return value === undefined
    ? { op: ChangeOp.DELETE, key: bytes(key), schemaVersion: 1 }
    : { op: ChangeOp.PUT, key: bytes(key), value: bytes(value), schemaVersion: 1 };
}

function pathForTest(): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-replica-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "replica.db");
}

function replicaForTest<Tx>(
  client: Client,
  options: Pick<ReplicateOptions<Tx>, "store"> & Partial<ReplicateOptions<Tx>>,
): Replica {
  const replica = replicate<Tx>({
    client,
    dataset,
    replica: "copy",
    schemaVersions: [1],
    ...options,
  });
  onTestFinished(() => replica.close());
  return replica;
}

/** The replica has everything, and a checkpoint has shown it; a client's own scan of the server says the same. */
async function expectEqual(client: Client, replica: Replica): Promise<void> {
  const { head } = await client.datasets.describe(dataset);
  await eventually("for a checkpoint at the head", () => {
    return replica.status().verifiedSeq === head?.seq;
  });
  const server = await client.datasets.scan({ dataset, pageSize: 1_000 });
  const own = await replica.scan({ limit: 1_000 });
  const plain = (rows: typeof own.rows) =>
    rows.map(({ key, value, seq }) => `${Buffer.from(key)}=${Buffer.from(value)}@${seq}`);
  expect(plain(own.rows)).toEqual(plain(server.rows));
  expect(replica.status().state).toBe("LIVE");
}

const policy = { checkpointIntervalMs: 200n };

test("a replica follows a real server: snapshot, tail, checkpoints, and a quorum of its acks [REP-10] [DATA-62]", async () => {
  const server = await serverForTest();
  const client = clientForTest(server);
  await client.datasets.create({ dataset, policy, reason: "test" });
  for (let at = 0; at < 50; at += 1)
    await client.datasets.append({ dataset, changes: [change(`k${at % 20}`, `${at}`)] });
  const replica = replicaForTest(client, { store: new MemoryStore() });
  await replica.ready();
  const durability = { mode: ReplicationMode.QUORUM, replicas: 1 };
  await eventually("for the replica to be in sync", async () => {
    const { replicas } = await client.datasets.listReplicas({ dataset });
    return replicas[0]?.inSync === true;
  });
  const { lastSeq, appliedBy } = await client.datasets.append({
    dataset,
    changes: [change("k1"), change("new", "1")],
    durability,
  });
  expect(appliedBy).toEqual(["copy"]);
  const { row, position } = await replica.get(bytes("new"));
  expect(row?.seq).toBe(lastSeq);
  expect(position.appliedSeq).toBeGreaterThanOrEqual(lastSeq);
  await expectEqual(client, replica);
});

test("a replica in a file goes on over restarts of its own and of the server [REP-71] [REP-44]", async () => {
  const server = await serverForTest();
  const client = clientForTest(server);
  await client.datasets.create({ dataset, policy, reason: "test" });
  const path = pathForTest();
  const append = (at: number) =>
    client.datasets.append({
      dataset,
      changes: [{ ...change(`k${at % 7}`, `${at}`), idempotencyKey: `once-${at}` }],
    });
  for (let at = 0; at < 10; at += 1) await append(at);
  const first = replicaForTest(client, { store: new SqliteStore({ path }) });
  await first.ready();
  await first.close();
  for (let at = 10; at < 20; at += 1) await append(at);
  const second = replicaForTest(client, { store: new SqliteStore({ path }) });
  await expectEqual(client, second);
  await server.kill();
  await server.startAgain();
  for (let at = 20; at < 30; at += 1) await append(at);
  await expectEqual(client, second);
});

test("a row changed by hand in a replica's file is found, named, reported and repaired [REP-95] [REP-96] [REP-100]", async () => {
  const server = await serverForTest();
  const client = clientForTest(server);
  await client.datasets.create({ dataset, policy, reason: "test" });
  const names = Array.from({ length: 200 }, (_, at) => `k${at}`);
  await client.datasets.append({ dataset, changes: names.map((name) => change(name, "1")) });
  const path = pathForTest();
  const replica = replicaForTest(client, { store: new SqliteStore({ path }) });
  await replica.ready();
  const hand = new DatabaseSync(path);
  hand.exec("UPDATE lockstep_rows_1 SET value = x'00' WHERE key = CAST('k5' AS BLOB)");
  hand.exec("DELETE FROM lockstep_rows_1 WHERE key = CAST('k6' AS BLOB)");
  hand.close();
  const { drift } = await replica.check();
  const named = drift?.findings.map(({ kind, key }) => `${Buffer.from(key)} ${kind}`);
  expect(named?.sort()).toEqual(["k5 DIVERGENT", "k6 MISSING"]);
  await eventually("for the report to arrive", async () => {
    const { replicas } = await client.datasets.listReplicas({ dataset });
    return replicas[0]?.lastDrift?.divergent === 1n;
  });
  expect((await replica.check({ repair: true })).drift).toBeUndefined();
  await client.datasets.append({ dataset, changes: [change("k5", "2")] });
  await expectEqual(client, replica);
});
