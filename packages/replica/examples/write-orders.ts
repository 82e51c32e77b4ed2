import { connect } from "@lockstep/client/node";
import { ChangeOp } from "@lockstep/protocol";

await using client = connect({ address: process.env.LOCKSTEP_ADDRESS ?? "127.0.0.1:7420" });
const dataset = "orders";

// Making a dataset that is there already, with the same policy, changes nothing.
await client.datasets.create({ dataset, reason: "a first look" });

// A head from before the first attempt: a real publisher keeps it on disk, beside what it publishes.
const sinceSeq = (await client.datasets.describe(dataset)).dataset?.headSeq ?? 0n;

const bytes = (text: string) => new TextEncoder().encode(text);
const change = (id: string, key: string, value: string) => ({
  op: ChangeOp.PUT,
  key: bytes(key),
  value: bytes(value),
  schemaVersion: 1,
  // The same change is recognised by it when it comes again, whatever has happened to the first answer.
  idempotencyKey: id,
});

const batch = [change("evt-1", "orders/41", "packed"), change("evt-2", "orders/42", "new")];
for (const attempt of ["first", "again"]) {
  const { changes } = await client.datasets.append({ dataset, changes: batch, sinceSeq });
  console.log(`${attempt}:`, ...changes.map(({ seq, duplicate }) => `${seq} ${duplicate}`));
}

// Only if nobody has written the row since it was read.
const { row } = await client.datasets.get({ dataset, key: bytes("orders/42") });
const shipped = { ...change("evt-3", "orders/42", "shipped"), expectedKeySeq: row?.seq ?? 0n };
const { lastSeq } = await client.datasets.append({ dataset, changes: [shipped] });
console.log(`shipped: ${lastSeq}`);
