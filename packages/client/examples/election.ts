import { connect } from "@lockstep/client/node";

const address = process.env.LOCKSTEP_ADDRESS ?? "127.0.0.1:7420";
await using one = connect({ address, displayName: "scheduler one" });
await using two = connect({ address, displayName: "scheduler two" });

// Whoever comes first leads, and publishes where it is found. The others stand in line.
const leadership = await one.campaign("scheduler", { value: "10.0.0.1:9000" });
const succession = two.campaign("scheduler", { value: "10.0.0.2:9000" });

// The present leader, then every change.
for await (const leader of two.observeLeader("scheduler")) {
  console.log("leader:", leader?.text ?? "nobody");
  if (leader?.token === leadership.lock.token) await leadership.resign();
  else if (leader) break;
}
await (await succession).resign();
