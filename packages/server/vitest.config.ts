import { lockstepTests } from "../../config/vitest.ts";

const attach = ["src/rpc/attach/*.test.ts"];

/** The tests of Attach once more, through what they take with this protocol. */
const attachOver = (protocol: string, name: string) => ({
  extends: true as const,
  test: { name, include: attach, env: { LOCKSTEP_TEST_PROTOCOL: protocol } },
});

export default lockstepTests(import.meta.dirname, {
  // What projects extend is added to.
  include: [],
  projects: [
    { extends: true, test: { name: "server", include: ["src/**/*.test.ts"] } },
    attachOver("grpc", "Attach over gRPC, direct"),
    attachOver("json", "Attach through the RPC library"),
  ],
});
