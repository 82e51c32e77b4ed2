import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Client, connect } from "@lockstep/client/node";
import { ChangeOp } from "@lockstep/protocol";
import { type Apply, type Replica, replicate } from "@lockstep/replica";
import { SqliteStore } from "@lockstep/replica/sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Ended, lockstep } from "../../testing-support/cli-process.ts";
import { CliServer, type TestFolder, testFolder } from "../../testing-support/cli-server.ts";

const TEST_TIMEOUT_MS = 120_000;
const DATASET = "orders";
const REPLICA = "billing-1";

let folder: TestFolder;
let server: CliServer;
let client: Client;
let file: string;
beforeEach(async () => {
  folder = testFolder();
  file = join(folder.path, "replica.db");
  const limit = ["--limit", "replica_lease_ms=2000"];
  server = await CliServer.start(["--data", join(folder.path, "data"), ...limit]);
  client = connect({ address: server.address });
  await client.datasets.create({ dataset: DATASET, reason: "a test" });
}, TEST_TIMEOUT_MS);
afterEach(async () => {
  await client.close();
  await server.stop();
  folder.remove();
});

const ask = (...args: string[]): Promise<Ended> =>
  lockstep(args, { variables: { LOCKSTEP_ADDRESS: server.address } });

async function put(...pairs: readonly [key: string, value: string][]): Promise<bigint> {
  const text = new TextEncoder();
  const changes = pairs.map(([key, value]) => ({
    op: ChangeOp.PUT,
    key: text.encode(key),
    value: text.encode(value),
  }));
  return (await client.datasets.append({ dataset: DATASET, changes })).lastSeq;
}

/** Runs the replica until it has every change up to there, and as long as `use` takes. */
async function withReplica(
  seq: bigint,
  { apply, use }: { apply?: Apply<DatabaseSync>; use?: (replica: Replica) => Promise<void> } = {},
): Promise<void> {
  await using replica = replicate({
    client,
    dataset: DATASET,
    replica: REPLICA,
    store: new SqliteStore({ path: file }),
    schemaVersions: [0],
    ...(apply && { apply }),
  });
  const freshness = { level: "AT_LEAST", seq } as const;
  await replica.get(new Uint8Array(1), { freshness, waitMs: 30_000 });
  await use?.(replica);
}

/** A hand that changes the file behind the replica's back. */
function byHand(sql: string): void {
  const hand = new DatabaseSync(file);
  const { published_slot: slot } = hand.prepare("SELECT * FROM lockstep_store").get() ?? {};
  hand.exec(sql.replaceAll("ROWS", `lockstep_rows_${slot}`));
  hand.close();
}

function valuesOf(): Record<string, string> {
  const database = new DatabaseSync(file, { readOnly: true });
  const { published_slot: slot } = database.prepare("SELECT * FROM lockstep_store").get() ?? {};
  const rows = database
    .prepare(
      `SELECT CAST(key AS TEXT) AS key, CAST(value AS TEXT) AS value FROM lockstep_rows_${slot}`,
    )
    .all();
  database.close();
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
}

/** The process of the replica has been stopped, and the server has noticed. */
async function untilNoLease(): Promise<void> {
  for (;;) {
    const { stdout } = await ask("lag", DATASET, "--json");
    const { replica } = JSON.parse(stdout) as { replica: { leaseRemainingMs: string } };
    if (replica.leaseRemainingMs === "0") return;
  }
}

const CHANGED_BY_HAND = `
  UPDATE ROWS SET value = CAST('forged' AS BLOB) WHERE key = CAST('a' AS BLOB);
  DELETE FROM ROWS WHERE key = CAST('b' AS BLOB);
  INSERT INTO ROWS SELECT CAST('x' AS BLOB), bucket, seq, schema_version, entry_hash, value
    FROM ROWS WHERE key = CAST('c' AS BLOB);
`;

const NAMED = [
  expect.stringMatching(/^DRIFT +KEY +REPLICA SEQ +SERVER SEQ$/),
  expect.stringMatching(/^divergent +a +1 +1$/),
  expect.stringMatching(/^extra +x +3$/),
  expect.stringMatching(/^missing +b +2$/),
];

/** The lines of a table of findings, heading first, the rest by kind and key. */
function tableIn(stdout: string): string[] {
  const [heading = "", ...rest] = stdout.split("\n\n")[0]?.split("\n") ?? [];
  return [heading, ...rest.sort()];
}

describe("lockstep drift", { timeout: TEST_TIMEOUT_MS }, () => {
  test("finds, names and repairs rows changed by hand in a replica's file [REP-95] [REP-96] [REP-97]", async () => {
    const seq = await put(["a", "1"], ["b", "2"], ["c", "3"], ["d", "4"]);
    await withReplica(seq);
    byHand(CHANGED_BY_HAND);
    // What the replica has still to apply is no drift, and is counted where it is compared.
    await put(["d", "5"], ["e", "6"]);

    const checked = await ask("drift", "check", DATASET, "--file", file);
    expect(checked.code).toBe(5);
    expect(tableIn(checked.stdout)).toEqual(NAMED);
    expect(checked.stdout).toContain("3 keys not as in orders at 6.");

    const dry = await ask("drift", "repair", DATASET, "--file", file);
    expect(dry).toMatchObject({ code: 5, stderr: expect.stringContaining("nothing was written") });
    expect(tableIn(dry.stdout)).toEqual(NAMED);
    expect(valuesOf()).toEqual({ a: "forged", c: "3", d: "4", x: "3" });

    await untilNoLease();
    const write = ["--write", "--replica", REPLICA];
    const repaired = await ask("drift", "repair", DATASET, "--file", file, ...write);
    expect(repaired).toMatchObject({ code: 0 });
    expect(tableIn(repaired.stdout)).toEqual(NAMED);
    expect(repaired.stdout).toMatch(
      /\n3 keys repaired; 5 rows looked at, all as in orders at 6\.\n$/,
    );
    expect(repaired.stdout).not.toContain("replay()");
    expect(valuesOf()).toEqual({ a: "1", b: "2", c: "3", d: "5", e: "6" });

    const again = await ask("drift", "check", DATASET, "--file", file);
    expect(again).toMatchObject({
      code: 0,
      stdout: "5 rows looked at, all as in orders at 6.\n",
    });
    const lag = await ask("lag", DATASET);
    expect(lag.stdout).toMatch(/1 missing, 1 extra, 1 divergent at 6, repaired\n$/);
    const events = await ask("events", "--json");
    expect(events.stdout).toContain('"action":"DRIFT_ACTION_REPAIRED"');
  });

  test("looks at the file of a running replica, and writes only when that has stopped", async () => {
    const seq = await put(["a", "1"], ["b", "2"], ["c", "3"]);
    await withReplica(seq, {
      use: async (replica) => {
        byHand(CHANGED_BY_HAND);
        const json = await ask("drift", "check", DATASET, "--file", file, "--json");
        expect(json.code).toBe(5);
        const { findings, ...about } = JSON.parse(json.stdout);
        expect(about).toMatchObject({ dataset: DATASET, file, fileSeq: "3", comparedAtSeq: "3" });
        const kinds = findings.map((one: { kind: string; key: string }) => [one.kind, one.key]);
        expect(kinds.sort()).toEqual([
          ["DIVERGENT", "YQ=="],
          ["EXTRA", "eA=="],
          ["MISSING", "Yg=="],
        ]);
        const write = ["--write", "--replica", REPLICA];
        const refused = await ask("drift", "repair", DATASET, "--file", file, ...write);
        expect(refused).toMatchObject({
          code: 1,
          stdout: "",
          stderr: expect.stringMatching(/billing-1 runs, or did until now: stop it and wait/),
        });
        expect(replica.status().stopped).toBeUndefined();
      },
    });
    const events = await ask("events", "--json");
    expect(events.stdout.match(/"replicaRegistered"/g)).toHaveLength(1);
  });

  test("sets repaired rows aside for the code that projects them [REP-75] [REP-76]", async () => {
    const tables = new DatabaseSync(file);
    tables.exec("CREATE TABLE names (key BLOB PRIMARY KEY, value BLOB)");
    tables.close();
    const apply: Apply<DatabaseSync> = ({ op, key, value }, database) => {
      if (op === "DELETE") database.prepare("DELETE FROM names WHERE key = ?").run(key);
      else database.prepare("INSERT OR REPLACE INTO names VALUES (?, ?)").run(key, value);
    };
    await withReplica(await put(["a", "1"], ["b", "2"], ["c", "3"]), { apply });
    byHand(`${CHANGED_BY_HAND} UPDATE names SET value = NULL WHERE key = CAST('a' AS BLOB);`);
    await put(["d", "4"]);
    await untilNoLease();
    const write = ["--write", "--replica", REPLICA];
    const repaired = await ask("drift", "repair", DATASET, "--file", file, ...write);
    expect(repaired.code).toBe(0);
    expect(repaired.stdout).toContain("\n4 changes set aside for apply: call replay()");
    await withReplica(4n, {
      apply,
      use: async (replica) => {
        expect(replica.status()).toMatchObject({ state: "DEGRADED", deadLetters: 4 });
        await replica.replay();
        expect(replica.status().deadLetters).toBe(0);
      },
    });
    const result = new DatabaseSync(file, { readOnly: true });
    const names = result.prepare("SELECT CAST(key AS TEXT) AS key FROM names WHERE value").all();
    result.close();
    expect(names.map(({ key }) => key).sort()).toEqual(["a", "b", "c", "d"]);
  });

  test("replaces rows that are not of the server's history by a snapshot [REP-90]", async () => {
    await withReplica(await put(["a", "1"], ["b", "2"]));
    byHand("UPDATE lockstep_progress SET log_hash = zeroblob(32)");
    const checked = await ask("drift", "check", DATASET, "--file", file);
    expect(checked).toMatchObject({
      code: 5,
      stdout: "",
      stderr: expect.stringMatching(/the history of .* up to 2 is not the server's/),
    });
    await untilNoLease();
    const write = ["--write", "--replica", REPLICA];
    const repaired = await ask("drift", "repair", DATASET, "--file", file, ...write);
    expect(repaired).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("a snapshot took the place of all rows"),
    });
    expect(valuesOf()).toEqual({ a: "1", b: "2" });
  });

  test("refuses a file that is no replica's, that of another dataset, and a name nobody has", async () => {
    await withReplica(await put(["a", "1"]));
    await client.datasets.create({ dataset: "others", reason: "a test" });
    const other = new DatabaseSync(join(folder.path, "other.db"));
    other.exec("CREATE TABLE t (x)");
    other.close();
    const cases: [args: string[], code: number, sentence: RegExp][] = [
      [
        ["check", DATASET, "--file", "nowhere.db"],
        2,
        /nowhere\.db does not exist: give the SQLite/,
      ],
      [["check", DATASET, "--file", join(folder.path, "other.db")], 2, /no such table/],
      [["check", "others", "--file", file], 2, /is a replica of the dataset with the id \d+, and/],
      [["check", "nothing", "--file", file], 1, /DATASET_UNKNOWN/],
      [["check", DATASET], 2, /required option '--file <FILE>'/],
      [["repair", DATASET, "--file", file, "--write"], 2, /--write needs --replica NAME/],
      [
        ["repair", DATASET, "--file", file, "--write", "--replica", "nobody"],
        2,
        /orders has no replica nobody: give the name/,
      ],
    ];
    for (const [args, code, sentence] of cases) {
      const ended = await ask("drift", ...args);
      expect(ended).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(sentence) });
      expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
    }
  });
});
