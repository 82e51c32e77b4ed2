import { connect } from "@lockstep/client/node";
import { MemoryStore, replicate } from "@lockstep/replica";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Ended, lockstep } from "../testing-support/cli-process.ts";
import { CliServer, type TestFolder, testFolder } from "../testing-support/cli-server.ts";

const TEST_TIMEOUT_MS = 60_000;
const WHY = ["--reason", "a test"];

let folder: TestFolder;
let server: CliServer;
beforeEach(async () => {
  folder = testFolder();
  server = await CliServer.start(["--data", folder.path]);
  await ask("dataset", "create", "orders", ...WHY);
}, TEST_TIMEOUT_MS);
afterEach(async () => {
  await server.stop();
  folder.remove();
});

const ask = (...args: string[]): Promise<Ended> =>
  lockstep(args, { variables: { LOCKSTEP_ADDRESS: server.address } });

describe("lockstep append", { timeout: TEST_TIMEOUT_MS }, () => {
  test("takes the lock that lockstep run holds as its fence, and no other [DATA-50] [DATA-52]", async () => {
    await ask("dataset", "policy", "orders", "--fence-key", "leader", "--fence-required", ...WHY);
    expect(await ask("append", "orders", "a", "1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("FENCE_REQUIRED"),
    });
    const client = connect({ address: server.address });
    const lock = await client.acquire("leader");
    const fenced = ["append", "orders", "a", "1", "--fence", lock.sequencer];
    expect(await ask(...fenced)).toMatchObject({ code: 0, stdout: "appended to orders as 2\n" });
    await lock.release();
    await client.close();
    expect(await ask(...fenced)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("FENCED"),
    });
  });

  test("tells who has applied it, and ends with 6 when too few have in time [DATA-62] [DATA-65]", async () => {
    const client = connect({ address: server.address });
    const gate = Promise.withResolvers<void>();
    const replica = replicate({
      client,
      dataset: "orders",
      replica: "copy-1",
      store: new MemoryStore(),
      schemaVersions: [0],
      apply: ({ seq }) => (seq > 1n ? gate.promise : undefined),
    });
    await replica.get(new Uint8Array(1), { waitMs: 30_000 });
    const quorum = ["append", "orders", "a", "1", "--durability", "quorum:1", "--wait", "30s"];
    expect(await ask(...quorum)).toMatchObject({
      code: 0,
      stdout: "appended to orders as 1, applied by copy-1\n",
    });
    const lag = await ask("lag", "orders");
    expect(lag.stdout).toMatch(/^DATASET +REPLICA +STATE +IN SYNC +APPLIED +BEHIND +LAG /);
    expect(lag.stdout).toMatch(/^orders +copy-1 +ok +yes +1 of 1 +0 +/m);

    // It stays alive, and does not come to an end with the next change.
    const late = ["append", "orders", "b", "2", "--durability", "quorum:1", "--wait", "1ms"];
    expect(await ask(...late)).toMatchObject({
      code: 6,
      stdout: "appended to orders as 2\n",
      stderr: expect.stringMatching(
        /^lockstep: change 2 is durable at the server, but .* lockstep lag\n$/,
      ),
    });
    gate.resolve();
    await replica.close();
    await client.close();
    const forgotten = await ask("dataset", "forget-replica", "orders", "copy-1", ...WHY);
    expect(forgotten).toMatchObject({ code: 0 });
    expect((await ask("lag")).stdout).toBe("There are no replicas.\n");
  });
});
