import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Ended, lockstep } from "../testing-support/cli-process.ts";
import { CliServer, type TestFolder, testFolder } from "../testing-support/cli-server.ts";

const TEST_TIMEOUT_MS = 60_000;
const WHY = ["--reason", "a test"];

let folder: TestFolder;
let data: string;
let server: CliServer;
beforeEach(async () => {
  folder = testFolder();
  data = join(folder.path, "data");
  server = await CliServer.start(["--data", data]);
  await ask("dataset", "create", "orders", ...WHY);
}, TEST_TIMEOUT_MS);
afterEach(async () => {
  await server.stop();
  folder.remove();
});

const ask = (...args: string[]): Promise<Ended> =>
  lockstep(args, { variables: { LOCKSTEP_ADDRESS: server.address } });

describe("lockstep scrub", { timeout: TEST_TIMEOUT_MS }, () => {
  test("names a row of the server that a disk has changed, and no read answers it [DATA-90]", async () => {
    await ask("append", "orders", "a", "1");
    await ask("append", "orders", "b", "2");
    await server.stop();
    const journal = new DatabaseSync(join(data, "namespaces", "default", "journal.db"));
    journal.exec("UPDATE dataset_rows SET value = x'00' WHERE key = x'62'");
    journal.close();
    server = await CliServer.start(["--data", data]);

    const scrubbed = await ask("scrub", "orders");
    expect(scrubbed.code).toBe(5);
    expect(scrubbed.stdout).toMatch(/^orders: \d rows? looked at, 1 not as written:\n/);
    expect(scrubbed.stdout).toMatch(/^BUCKET +DAMAGED KEY +PROBLEM\n\d+ +b +\S.*\n$/m);
    const json = await ask("scrub", "orders", "--json");
    expect(json.code).toBe(5);
    expect(JSON.parse(json.stdout)).toMatchObject({
      dataset: "orders",
      damagedCount: "1",
      damaged: [{ key: "Yg==" }],
    });
    expect(await ask("get", "orders", "b")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("DATASET_DAMAGED"),
    });
    expect(await ask("get", "orders", "a")).toMatchObject({ code: 0 });
  });
});
