// A writer as a user would make one: it appends batch after batch, and after a crash goes on where it was.
// Arguments: the server's address, and the file of what was acknowledged. It ends when it reads a line.
import { once } from "node:events";
import { AppendOutcomeUnknownError, connect, RequestError } from "@lockstep/client/node";
import { type AppendResponse, ReplicationMode } from "@lockstep/protocol";
import { realTime } from "../../real-time.ts";
import { Acknowledged } from "./acknowledged.ts";
import { batchOf, DATASET, LANES, SCHEMA_VERSION } from "./batches.ts";

const [address = "", path = ""] = process.argv.slice(2);
const RETRY_MS = 20;
const REPLICATION_TIMEOUT_MS = 1_000n;

const client = connect({ address, connectTimeoutMs: 120_000, displayName: "writer" });
const acknowledged = new Acknowledged(path);
const before = acknowledged.read();
let finishing = false;
const lanes = Array.from({ length: LANES }, (_, lane) => write(lane));
void once(process.stdin, "data").then(() => {
  finishing = true;
});
await Promise.all(lanes);
await client.close();
process.exit();

async function write(lane: number): Promise<void> {
  let number = before.filter((batch) => batch.lane === lane).length;
  while (!finishing) {
    const response = await append(lane, number);
    if (response === undefined) await realTime(RETRY_MS, "before the same batch is sent again");
    else {
      const seqs = response.changes.map(({ seq }) => String(seq));
      acknowledged.add({ lane, number, seqs });
      number += 1;
    }
  }
}

/** Undefined when it did not happen, or nobody knows: the batch is sent again. */
async function append(lane: number, number: number): Promise<AppendResponse | undefined> {
  const changes = batchOf(lane, number).map((change) => ({
    ...change,
    schemaVersion: SCHEMA_VERSION,
    key: Buffer.from(change.key),
    value: Buffer.from(change.value),
  }));
  const quorum = { mode: ReplicationMode.QUORUM, replicas: 1 };
  const durability = lane % 2 === 0 ? { mode: ReplicationMode.LOCAL } : quorum;
  try {
    return await client.datasets.append({
      ...{ dataset: DATASET, changes, durability, origin: "writer" },
      replicationTimeoutMs: REPLICATION_TIMEOUT_MS,
    });
  } catch (error) {
    if (error instanceof AppendOutcomeUnknownError) return undefined;
    if (error instanceof RequestError && error.reason === "NOT_ENOUGH_IN_SYNC") return undefined;
    throw error;
  }
}
