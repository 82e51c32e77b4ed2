import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ended, lockstep } from "../../testing-support/cli-process.ts";
import { CliServer, type TestFolder, testFolder } from "../../testing-support/cli-server.ts";

const TEST_TIMEOUT_MS = 60_000;
const WHY = ["--reason", "a good reason"];

let folder: TestFolder;
let server: CliServer;
beforeAll(async () => {
  folder = testFolder();
  server = await CliServer.start(["--data", folder.path]);
}, TEST_TIMEOUT_MS);
afterAll(async () => {
  await server.stop();
  folder.remove();
});

const ask = (...args: string[]): Promise<Ended> =>
  lockstep(args, { variables: { LOCKSTEP_ADDRESS: server.address } });

async function linesOf(...args: string[]): Promise<string[]> {
  const ended = await ask(...args);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  return ended.stdout.trimEnd().split("\n");
}

async function jsonOf<T>(...args: string[]): Promise<T> {
  const [line = "", ...rest] = await linesOf(...args, "--json");
  expect(rest).toEqual([]);
  return JSON.parse(line);
}

const failed = (sentence: RegExp) => ({ code: 1, stderr: expect.stringMatching(sentence) });
const wrong = (sentence: RegExp) => ({ code: 2, stderr: expect.stringMatching(sentence) });

describe("lockstep dataset", { timeout: TEST_TIMEOUT_MS }, () => {
  test("makes, lists, describes, changes and deletes a dataset, each act with its reason", async () => {
    expect(await linesOf("dataset", "list", "life/")).toEqual(["There are no datasets."]);
    const made = await linesOf("dataset", "create", "life/one", "--retention", "30d", ...WHY);
    expect(made).toEqual([
      expect.stringMatching(/^life\/one \(id \d+\) has version 1 of its policy: retention 720h$/),
    ]);
    const listed = await linesOf("dataset", "list", "life/");
    expect(listed).toEqual([
      expect.stringMatching(/^DATASET +HEAD +FLOOR +ROWS +BYTES +REPLICAS +IN SYNC +POLICY$/),
      expect.stringMatching(/^life\/one +0 +0 +0 +0 +0 +0 +retention 720h$/),
    ]);
    const flags = ["--fence-key", "leader", "--unset", "retention", "--correlation-id", "job-7"];
    expect(await linesOf("dataset", "policy", "life/one", ...flags, ...WHY)).toEqual([
      expect.stringMatching(/ has version 2 of its policy: fence-key leader$/),
    ]);
    expect(await linesOf("dataset", "policy", "life/one")).toEqual([
      expect.stringMatching(/ has version 2 of its policy: fence-key leader$/),
    ]);
    const described = await linesOf("dataset", "describe", "life/one");
    expect(described).toContainEqual(expect.stringMatching(/^head +1$/));
    expect(described).toContainEqual(expect.stringMatching(/^root +[0-9a-f]{64}$/));
    expect(described).toContainEqual(
      expect.stringMatching(/^policy +version 2: fence-key leader$/),
    );
    const { dataset } = await jsonOf<{ dataset: { datasetId: string } }>(
      "dataset",
      "describe",
      "life/one",
    );
    const id = ["--id", dataset.datasetId];
    expect(await ask("dataset", "delete", "life/one", ...WHY)).toMatchObject(wrong(/--id <ID>/));
    expect(await ask("dataset", "delete", "life/one", "--id", "1", ...WHY)).toMatchObject(
      failed(/VERSION_MISMATCH/),
    );
    expect(await linesOf("dataset", "delete", "life/one", ...id, ...WHY)).toEqual([
      `the dataset life/one with the id ${dataset.datasetId} is gone`,
    ]);
    expect(await ask("dataset", "delete", "life/one", ...id, ...WHY)).toMatchObject(
      failed(/DATASET_UNKNOWN: .*check the name/),
    );
    const history = (await linesOf("events")).join("\n");
    for (const kind of ["dataset created", "dataset updated", "dataset deleted"]) {
      expect(history).toMatch(new RegExp(`${kind}.* because="a good reason"`));
    }
    expect(history).toContain("correlation=job-7");
  });

  test("says what is missing for a change, and that a dataset is not there", async () => {
    const change = ["dataset", "policy", "missing", "--max-bytes", "5"];
    expect(await ask(...change)).toMatchObject(wrong(/a change of the policy needs --reason WHY/));
    expect(await ask(...change, ...WHY)).toMatchObject(failed(/DATASET_UNKNOWN/));
    const nothing = ["dataset", "policy", "missing", ...WHY];
    expect(await ask(...nothing)).toMatchObject(wrong(/give what to change/));
    expect(await ask("dataset", "create", "d")).toMatchObject(wrong(/--reason <WHY>/));
    const mode = ["dataset", "create", "d", "--durability", "all", ...WHY];
    expect(await ask(...mode)).toMatchObject(wrong(/Give local, quorum:COUNT or all-in-sync/));
    const forget = ["dataset", "forget-replica", "missing", "nobody", ...WHY];
    expect(await ask(...forget)).toMatchObject(failed(/DATASET_UNKNOWN/));
  });

  test("refuses a change that was decided on another version of the policy", async () => {
    await linesOf("dataset", "create", "versions", ...WHY);
    const change = ["dataset", "policy", "versions", "--max-bytes", "5", ...WHY];
    await linesOf(...change, "--expected-version", "1");
    expect(
      await ask(
        "dataset",
        "policy",
        "versions",
        "--max-bytes",
        "6",
        "--expected-version",
        "1",
        ...WHY,
      ),
    ).toMatchObject(failed(/VERSION_MISMATCH/));
  });
});
