import type { DatabaseSync } from "node:sqlite";
import { connect } from "@lockstep/client/node";
import { replicate } from "@lockstep/replica";
import { SqliteStore } from "@lockstep/replica/sqlite";

await using client = connect({ address: process.env.LOCKSTEP_ADDRESS ?? "127.0.0.1:7420" });
await using replica = replicate<DatabaseSync>({
  client,
  dataset: "orders",
  replica: "billing-1",
  store: new SqliteStore({ path: process.argv[2] ?? "orders.db" }),
  schemaVersions: [1],
});

// As fresh as the server: every change that was acknowledged before the question is in the answer.
const key = new TextEncoder().encode("orders/42");
const { row, position } = await replica.get(key, { freshness: { level: "STRONG" } });
console.log(`${new TextDecoder().decode(row?.value)} at ${position.appliedSeq}`);

// All rows, compared with the server's, now.
const { rows, drift } = await replica.check();
console.log(rows, "rows,", drift ? "not the server's" : "all the server's");
