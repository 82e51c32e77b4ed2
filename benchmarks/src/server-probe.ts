// Loaded into a server's process ahead of the server, when a benchmark wants to see its memory and processor time. Node
// offers no way to ask another process.
import type { Usage } from "./server-process.ts";
import { pass } from "./time.ts";

// Another thread gives back what a collection has freed, and until it has, that counts as used.
const GIVEN_BACK_AFTER_MS = 1_000;

process.on("message", async ({ collect }: { collect: boolean }) => {
  if (collect) {
    globalThis.gc?.();
    await pass(GIVEN_BACK_AFTER_MS);
    globalThis.gc?.();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const usage: Usage = {
    usedBytes: heapUsed + external,
    residentBytes: rss,
    cpuMs: (user + system) / 1_000,
  };
  process.send?.(usage);
});
// It keeps no server alive that wants to end.
process.channel?.unref();
