import { connect } from "@lockstep/client/node";
import { FenceStatus } from "@lockstep/protocol";

await using client = connect({ address: process.env.LOCKSTEP_ADDRESS ?? "127.0.0.1:7420" });

// Waits for its turn, runs the function, gives the lock back.
await client.withLock("orders/42", async (lock) => {
  console.log(lock.sequencer);
  const { status } = await client.checkFence(lock.key, lock.token);
  console.log(FenceStatus[status]);
});

// Or hold it until the end of the block; null when somebody else has it.
await using lock = await client.tryAcquire("orders/42");
console.log(lock?.state);
