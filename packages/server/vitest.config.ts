import { join } from "node:path";
import { lockstepTests } from "../../config/vitest.ts";

const bundledWorkers = join(import.meta.dirname, "src/testing-support/bundled-worker-location.ts");
const attach = ["src/rpc/attach/*.test.ts"];
const threads = ["src/journal/**/*.test.ts", "src/snapshot/*.test.ts", "src/maintenance/*.test.ts"];

/** The tests of Attach once more, through what they take with this protocol. */
const attachOver = (protocol: string, name: string) => ({
  extends: true as const,
  test: { name, include: attach, env: { LOCKSTEP_TEST_PROTOCOL: protocol } },
});

export default lockstepTests(import.meta.dirname, {
  // What projects extend is added to.
  include: [],
  projects: [
    { extends: true, test: { name: "server", include: ["src/**/*.test.ts"], exclude: threads } },
    {
      extends: true,
      resolve: { alias: [{ find: /^.*\/worker-location\.ts$/, replacement: bundledWorkers }] },
      test: {
        name: "threads",
        include: threads,
        globalSetup: [join(import.meta.dirname, "../../config/bundled-workers.ts")],
        // So that no process has seen too many threads.
        isolate: true,
        // They start and end hundreds of threads in a process. The fault of the engine that the common settings tell of is in
        // the registry of its compiled code, and was met here all the same: without compiled code there is nothing to register.
        execArgv: ["--no-opt", "--no-maglev", "--no-sparkplug", "--regexp-interpret-all"],
      },
    },
    attachOver("grpc", "Attach over gRPC, direct"),
    attachOver("json", "Attach through the RPC library"),
  ],
});
