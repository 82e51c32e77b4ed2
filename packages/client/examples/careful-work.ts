import { connect, LockLostError, NotGrantedError } from "@lockstep/client/node";

await using client = connect({
  address: process.env.LOCKSTEP_ADDRESS ?? "127.0.0.1:7420",
  displayName: "nightly report",
});

try {
  const pages = await client.withLock(
    "reports/nightly",
    async (lock) => {
      let written = 0;
      for (const page of ["orders", "returns"]) {
        lock.assertHeld();
        await write(page, lock.sequencer, lock.signal);
        written += 1;
      }
      return written;
    },
    { waitMs: 2_000, correlationId: "deploy-7" },
  );
  console.log(`${pages} pages`);
} catch (error) {
  if (error instanceof NotGrantedError) {
    const { lock } = await client.getLock(error.key);
    const holders = lock?.holders.map(({ displayName }) => displayName).join(", ");
    console.error(`somebody else was at it (${error.reason}), now: ${holders || "nobody"}`);
  } else if (error instanceof LockLostError) {
    console.error(`stopped half way: ${error.reason}`);
  } else {
    throw error;
  }
}

/** Stands for the resource: it takes the sequencer with each write, and gives up when the signal is aborted. */
async function write(page: string, sequencer: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  console.log(`${page} written under ${sequencer}`);
}
