import { type Client, connect } from "@lockstep/client/node";
import { LockMode } from "@lockstep/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CliProcess } from "../testing-support/cli-process.ts";
import { CliServer, type TestFolder, testFolder } from "../testing-support/cli-server.ts";

const TEST_TIMEOUT_MS = 60_000;
// Tells when it runs, and ends when it is told to.
const obedient = 'trap "exit 9" TERM; echo ready $LOCKSTEP_TOKEN; while :; do sleep 0.05; done';

let folder: TestFolder;
let server: CliServer;
let client: Client;
const started: CliProcess[] = [];
beforeAll(async () => {
  folder = testFolder();
  server = await CliServer.start(["--data", folder.path]);
  client = connect({ address: server.address });
}, TEST_TIMEOUT_MS);
afterEach(async () => {
  for (const process of started.splice(0)) await process.kill();
});
afterAll(async () => {
  await client.close();
  await server.stop();
  folder.remove();
});

function start(...args: string[]): CliProcess {
  const cli = new CliProcess(["run", "--address", server.address, ...args]);
  started.push(cli);
  return cli;
}
const run = (...args: string[]) => start(...args).ended;

describe("lockstep run", { timeout: TEST_TIMEOUT_MS }, () => {
  test("takes several keys as one lock, in the mode asked for, and tells the sequencer of each", async () => {
    const cli = start(
      ...["several/a", "--key", "several/b", "--mode", "shared"],
      ...["--", "sh", "-c", `echo "$LOCKSTEP_SEQUENCERS"; ${obedient}`],
    );
    const [, token] = await cli.says(
      /^several\/a\/SHARED\/(\d+)\nseveral\/b\/SHARED\/\1\nready \1\n/,
    );
    const { locks } = await client.listLocks({ prefix: "several/" });
    expect(locks.map(({ holders }) => holders[0])).toMatchObject(
      Array.from({ length: 2 }, () => ({ token: BigInt(String(token)), mode: LockMode.SHARED })),
    );
    cli.signal("SIGTERM");
    await cli.ended;
    expect((await client.getLock("several/b")).lock?.holders).toEqual([]);
  });

  test("takes permits of a pool", async () => {
    const policy = { permits: 3 };
    await client.admin.setPolicy({ prefix: "pool", policy, expectedVersion: 0n, reason: "test" });
    const cli = start("pool", "--permits", "2", "--", "sh", "-c", obedient);
    await cli.says(/ready/);
    expect((await client.getLock("pool")).lock?.holders).toMatchObject([{ permits: 2 }]);
    const refused = run("pool", "--permits", "2", "--wait", "0", "--", "echo", "never");
    expect(await refused).toMatchObject({ code: 76, stdout: "" });
    expect(await run("pool", "--permits", "4", "--wait", "0", "--", "echo", "never")).toMatchObject(
      {
        code: 76,
        stderr: expect.stringContaining("LIMIT_MISMATCH"),
      },
    );
    cli.signal("SIGTERM");
    await cli.ended;
  });
});
