import { DatabaseSync } from "node:sqlite";
import { connect } from "@lockstep/client/node";
import { parseSequencer } from "@lockstep/protocol";

// The resource: a row remembers the highest token that has written it, and refuses a lower one.
const database = new DatabaseSync(":memory:");
database.exec("CREATE TABLE orders (id TEXT PRIMARY KEY, state TEXT, fence INTEGER) STRICT");
database.exec("INSERT INTO orders VALUES ('orders/42', 'new', 0)");
const update = database.prepare(
  "UPDATE orders SET state = ?, fence = ? WHERE id = ? AND fence <= ?",
);

function write(sequencer: string, state: string): boolean {
  const { key, token } = parseSequencer(sequencer);
  return update.run(state, token, key, token).changes === 1;
}

// The application: whoever holds the lock shows its sequencer with every write.
await using client = connect({ address: process.env.LOCKSTEP_ADDRESS ?? "127.0.0.1:7420" });
const old = await client.withLock("orders/42", (lock) => lock.sequencer);
await client.withLock("orders/42", (lock) => {
  console.log("holder:", write(lock.sequencer, "shipped"));
});
console.log("late write of the holder before:", write(old, "cancelled"));
