// A replica in a file, as a user would run one, with a table of its own beside the rows. It looks all the time whether a
// batch is visible in part. It ends with an error when anything is said to differ: nothing here makes rows differ.
// Arguments: the server's address, the file, and the replica's name. It answers each line with its status.

import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { connect } from "@lockstep/client/node";
import { NotReadableError, type Replica, replicate } from "@lockstep/replica";
import { SqliteStore } from "@lockstep/replica/sqlite";
import { realTime } from "../../real-time.ts";
import { DATASET, isTorn, SCHEMA_VERSION } from "./batches.ts";

const [address = "", path = "", name = ""] = process.argv.slice(2);
const LOOK_EVERY_MS = 20;

const own = new DatabaseSync(path);
own.exec("CREATE TABLE IF NOT EXISTS projected (key BLOB PRIMARY KEY, value BLOB, seq INTEGER)");
own.close();
const client = connect({ address, connectTimeoutMs: 120_000, displayName: name });
const replica = replicate<DatabaseSync>({
  client,
  dataset: DATASET,
  replica: name,
  store: new SqliteStore({ path }),
  schemaVersions: [SCHEMA_VERSION],
  apply: ({ op, key, value, seq }, tx) => {
    if (op === "DELETE") tx.prepare("DELETE FROM projected WHERE key = ?").run(key);
    else tx.prepare("INSERT OR REPLACE INTO projected VALUES (?, ?, ?)").run(key, value, seq);
  },
});
let closing = false;
void replica.done.catch(fail);
void hear(replica).catch(fail);
void look(replica).catch(fail);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "close") break;
  const { state, verifiedSeq } = replica.status();
  process.stdout.write(`${JSON.stringify({ state, verifiedSeq: String(verifiedSeq) })}\n`);
}
closing = true;
await replica.close();
await client.close();
process.exit();

/** Ends at the first sign of rows that are not the server's. */
async function hear(replica: Replica): Promise<void> {
  for await (const event of replica.events()) {
    const isBad =
      event.type === "drift" ||
      event.type === "storeFailed" ||
      event.type === "applyFailed" ||
      (event.type === "checkpoint" && event.verdict === "MISMATCH") ||
      (event.type === "state" && (event.state === "DEGRADED" || event.state === "QUARANTINED"));
    if (isBad) fail(event);
  }
}

async function look(replica: Replica): Promise<void> {
  while (!closing) {
    await realTime(LOOK_EVERY_MS, "between two looks at the rows");
    const prefix = Buffer.from("whole/");
    try {
      const { rows } = await replica.scan({ prefix, freshness: { level: "EVENTUAL" } });
      if (isTorn(rows)) fail("a batch is visible in part");
    } catch (error) {
      if (!(error instanceof NotReadableError) && !closing) throw error;
    }
  }
}

function fail(what: unknown): void {
  console.error(what);
  process.exit(1);
}
