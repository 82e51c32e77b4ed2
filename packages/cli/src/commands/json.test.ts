import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, connect } from "@lockstep/client/node";
import { ChangeOp } from "@lockstep/protocol";
import { replicate } from "@lockstep/replica";
import { SqliteStore } from "@lockstep/replica/sqlite";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { runProgram } from "../program.ts";
import { allCommands } from "../testing-support/all-commands.ts";
import { CliServer, type TestFolder, testFolder } from "../testing-support/cli-server.ts";

const TEST_TIMEOUT_MS = 60_000;
const WHY = ["--reason", "a test"];
const KEY = new TextEncoder().encode("a");

const jsonOptions = new Map(
  [...(await allCommands())].map(([name, { options }]) => [
    name,
    options.find(({ long }) => long === "--json"),
  ]),
);

/** Whose standard output is that of the command they run. */
const WITHOUT_JSON = ["run"];

/** Those that are not about datasets; the tests beside them look at what they print. */
const NOT_OF_DATASETS = [
  ...["serve", "info", "locks", "sessions", "graph", "watch", "events"],
  ...["request-release", "force-release", "revoke-session"],
  ...[
    "quarantine list",
    "quarantine add",
    "quarantine clear",
    "policy get",
    "policy set",
    "policy remove",
  ],
  ...["namespaces list", "namespaces create", "namespaces update"],
  ...["verify", "backup", "restore"],
];

let folder: TestFolder;
let server: CliServer;
let client: Client;
let goneId = "";
const path = (name: string) => join(folder.path, name);

beforeAll(async () => {
  folder = testFolder();
  const limit = ["--limit", "replica_lease_ms=2000"];
  server = await CliServer.start(["--data", path("data"), ...limit]);
  client = connect({ address: server.address });
  await client.datasets.create({ dataset: "orders", reason: "a test" });
  const gone = await client.datasets.create({ dataset: "gone", reason: "a test" });
  goneId = String(gone.dataset?.datasetId);
  const changes = [{ op: ChangeOp.PUT, key: KEY }];
  await client.datasets.append({ dataset: "orders", changes });
  await runReplica();
  writeFileSync(path("changes.jsonl"), '{"key":"Yg=="}\n{"key":"Yw=="}\n');
}, TEST_TIMEOUT_MS);
afterAll(async () => {
  await client.close();
  await server.stop();
  folder.remove();
});

/** Runs a replica on a file until it has everything, and waits until the server knows that it has stopped. */
async function runReplica(): Promise<void> {
  const dataset = "orders";
  const store = new SqliteStore({ path: path("replica.db") });
  const replica = replicate({ client, dataset, replica: "copy", store, schemaVersions: [0] });
  await replica.get(KEY, { waitMs: 30_000 });
  await replica.close();
  for (let leaseMs = 1n; leaseMs > 0n; ) {
    const { replicas } = await client.datasets.listReplicas({ dataset });
    leaseMs = replicas[0]?.leaseRemainingMs ?? 0n;
  }
}

/** How each command about datasets is asked, in an order in which all of them have something to do. */
const ASKED: Record<string, () => string[]> = {
  "dataset list": () => [],
  "dataset create": () => ["made", ...WHY],
  "dataset describe": () => ["orders"],
  "dataset policy": () => ["orders", "--max-bytes", "1000", ...WHY],
  "dataset delete": () => ["gone", "--id", goneId, ...WHY],
  append: () => ["orders", "--lines", path("changes.jsonl")],
  get: () => ["orders", "a"],
  scan: () => ["orders", "--all"],
  tail: () => ["orders", "--from", "1", "--no-follow", "--checkpoints"],
  snapshot: () => ["orders", "--to", path("copy.db")],
  lag: () => [],
  "drift check": () => ["orders", "--file", path("copy.db")],
  "drift repair": () => [
    ...["orders", "--file", path("replica.db"), "--write", "--replica", "copy"],
  ],
  scrub: () => ["orders"],
  "dataset forget-replica": () => ["orders", "copy", ...WHY],
};

/** Runs a command in this process. */
async function ask(name: string, ...more: string[]) {
  const args = [...name.split(" "), ...(ASKED[name]?.() ?? []), "--json", ...more];
  const written = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((stream) =>
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      written[stream] += text;
      return true;
    }),
  );
  try {
    const code = await runProgram([...args, "--address", server.address]);
    return { code, ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** The documents that were printed, each on a line of its own. */
function documentsIn(stdout: string): unknown[] {
  expect(stdout).toMatch(/^(.+\n)*$/);
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

test.each([...jsonOptions])(
  "%s says what --json prints, or has none for a reason",
  (name, option) => {
    if (WITHOUT_JSON.includes(name)) expect(option).toBeUndefined();
    else expect(option?.description).toMatch(/^print one line of JSON\b/);
  },
);

test("each command about datasets is looked at here, and all of them together are the command line", () => {
  const here = [...WITHOUT_JSON, ...NOT_OF_DATASETS, ...Object.keys(ASKED)];
  expect(here.sort()).toEqual([...jsonOptions.keys()].sort());
});

describe.each(Object.keys(ASKED))("%s --json", { timeout: TEST_TIMEOUT_MS }, (name) => {
  test("tells a flag that it does not have on standard error alone", async () => {
    expect(await ask(name, "--nonsense")).toEqual({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^lockstep: unknown option '--nonsense'.*\n$/),
    });
  });

  test("tells a refusal on standard error alone", async () => {
    expect(await ask(name, "--namespace", "elsewhere")).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^(lockstep: .*\n)*lockstep: NOT_PERMITTED: .*\n$/),
    });
  });

  test("prints one document, or one per line where it says so", async () => {
    const { code, stdout } = await ask(name);
    expect(code).toBe(0);
    const documents = documentsIn(stdout);
    for (const document of documents) expect(document).toBeTypeOf("object");
    const isOne = !/^print one line of JSON per /.test(jsonOptions.get(name)?.description ?? "");
    if (isOne) expect(documents).toHaveLength(1);
    else expect(documents.length).toBeGreaterThan(0);
  });
});
