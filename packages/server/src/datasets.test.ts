// Datasets of a server on its disk, looked at from outside.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createClient } from "@connectrpc/connect";
import { ClockService, ErrorReason } from "@lockstep/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Flags, readConfig } from "./config/config.ts";
import { backupData } from "./maintenance/backup-data.ts";
import { restoreData } from "./maintenance/restore-data.ts";
import { verifyData } from "./maintenance/verify-data.ts";
import { type ServedData, serve } from "./serve.ts";
import {
  append,
  bytes,
  createDataset,
  DATASET,
  datasetClient,
  put,
  refusal,
  refused,
  remove,
  text,
} from "./testing-support/datasets.ts";
import { transportTo } from "./testing-support/test-server.ts";

let folder: string;
let running: ServedData | undefined;
const lines: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lockstep-datasets-"));
  lines.length = 0;
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

const data = () => join(folder, "data");

/** Starts a server on the folder, and gives the client of its datasets. */
async function start(more: Flags = {}, dataFolder = data()) {
  await stop();
  const flags = { listen: "127.0.0.1:0", dataFolder, testClock: true, ...more };
  running = await serve(readConfig(flags, {}), { write: (line) => void lines.push(line) });
  const transport = transportTo(running.url);
  const clock = createClient(ClockService, transport);
  return {
    client: datasetClient(transport),
    advance: (ms: number) => clock.advance({ durationMs: BigInt(ms) }),
  };
}

async function stop(): Promise<void> {
  await running?.close();
  running = undefined;
}

type Server = Awaited<ReturnType<typeof start>>;

/** Puts, replaces and deletes rows, so that all tables have something. */
async function fill({ client, advance }: Server): Promise<void> {
  await createDataset(client, { checkpointChanges: 5 });
  for (let round = 0; round < 12; round += 1) {
    const idempotencyKey = `round ${round}`;
    await append(client, [
      put(`key ${round % 5}`, `value ${round}`, { idempotencyKey }),
      put(`other ${round}`, ""),
    ]);
    await advance(1);
  }
  await append(client, [remove("key 1"), remove("key 1")]);
}

/** Everything that a server tells of the dataset. */
async function everythingTold({ client }: Server) {
  const { dataset, head } = await client.describeDataset(DATASET);
  const { rows } = await client.scan({ ...DATASET, pageSize: 1_000 });
  const nodes = await client.getDigestNodes({ ...DATASET, level: 0, indices: [0] });
  const repeat = await append(client, [put("key 0", "value 0", { idempotencyKey: "round 0" })]);
  return { dataset, head, rows, asOf: nodes.asOf, root: nodes.nodes, repeat: repeat.changes };
}

const ways: [string, Flags][] = [
  ["all events", {}],
  ["a snapshot and the events after it", { snapshotEvents: "10", historyEvents: "0" }],
];

test.each(ways)(
  "head, log hash, rows, root and idempotency keys are as they were after a restart, from %s [DATA-28, DATA-42]",
  async (_, more) => {
    const first = await start(more);
    await fill(first);
    const before = await everythingTold(first);
    expect(before.repeat).toMatchObject([{ seq: 1n, duplicate: true }]);
    expect(before.rows).toHaveLength(16);
    expect(await everythingTold(await start(more))).toEqual(before);
  },
);

test("a backup made beside a server that appends has rows and events of one moment, and can be served [DATA-28]", async () => {
  const server = await start();
  await fill(server);
  const copy = join(folder, "copy");
  const appending = Array.from({ length: 40 }, (_, round) =>
    append(server.client, [put(`late ${round}`, "x".repeat(1_000))]),
  );
  await backupData(data(), copy);
  await Promise.all(appending);
  await stop();
  await verifyData(copy);
  const restored = join(folder, "restored");
  await restoreData(copy, restored);
  const again = await start({ newLineage: true }, restored);
  const { head } = await again.client.describeDataset(DATASET);
  const { rows } = await again.client.scan({ ...DATASET, pageSize: 1_000 });
  expect(BigInt(rows.length)).toBe(head?.count);
  const scrubbed = await scrubAll(again);
  expect(scrubbed).toEqual([]);
});

test("a byte that has changed in a stored row is found by a look at the rows and named, and the row is not read [DATA-90, DATA-91, DATA-92, REP-94]", async () => {
  const server = await start();
  await fill(server);
  await stop();
  flipValue("other 3");
  const again = await start({ logLevel: "info" });
  const key = bytes("other 3");
  const { reason, metadata } = await refusal(again.client.get({ ...DATASET, key }));
  expect(reason).toBe(ErrorReason.DATASET_DAMAGED);
  expect(metadata).toMatchObject({ dataset: "stock", key: Buffer.from(key).toString("hex") });
  expect(text((await again.client.get({ ...DATASET, key: bytes("key 0") })).row?.value)).toBe(
    "value 10",
  );
  const [damaged, ...others] = await scrubAll(again);
  expect([text(damaged?.key), others]).toEqual(["other 3", []]);
  const buckets = [damaged?.bucket ?? 0];
  expect(await refused(again.client.listBucket({ ...DATASET, buckets }))).toBe(
    ErrorReason.DATASET_DAMAGED,
  );
  await again.advance(25 * 3_600_000);
  const { scrub } = await again.client.describeDataset(DATASET);
  expect(scrub?.passedAtMs).toBeGreaterThan(0n);
  expect(scrub?.damaged.map((one) => text(one.key))).toEqual(["other 3"]);
  expect(lines.filter((line) => line.includes("not what was written"))).toHaveLength(1);
  await stop();
  await expect(verifyData(data())).rejects.toThrow("1 rows of datasets");
});

/** What a look at all buckets finds. */
async function scrubAll({ client }: Server) {
  const found = [];
  for (let firstBucket = 0; firstBucket < 65_536; ) {
    const { nextBucket, damaged } = await client.scrubDataset({ ...DATASET, firstBucket });
    found.push(...damaged);
    firstBucket = nextBucket;
  }
  return found;
}

/** Changes a byte of the row behind the back of the server: SQLite sees nothing wrong. */
function flipValue(key: string): void {
  const path = databasePath();
  const database = new DatabaseSync(path);
  const changed = database
    .prepare("UPDATE dataset_rows SET entry_hash = zeroblob(32) WHERE key = ?")
    .run(bytes(key)).changes;
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  expect(changed).toBe(1);
}

function databasePath(): string {
  return join(data(), "namespaces", "default", "journal.db");
}
