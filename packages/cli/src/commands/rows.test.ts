import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CliProcess, type Ended, lockstep } from "../testing-support/cli-process.ts";
import { CliServer, type TestFolder, testFolder } from "../testing-support/cli-server.ts";

const TEST_TIMEOUT_MS = 60_000;
const WHY = ["--reason", "a test"];

let folder: TestFolder;
let server: CliServer;
let dataset = "";
let made = 0;
beforeAll(async () => {
  folder = testFolder();
  server = await CliServer.start(["--data", join(folder.path, "data")]);
}, TEST_TIMEOUT_MS);
beforeEach(async () => {
  made += 1;
  dataset = `rows-${made}`;
  await ask("dataset", "create", dataset, ...WHY);
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

/** The same of a command that may tell its progress. */
async function longLinesOf(...args: string[]): Promise<string[]> {
  const ended = await ask(...args);
  expect(ended).toMatchObject({ code: 0 });
  return ended.stdout.trimEnd().split("\n");
}

/** Writes changes as a file of lines. */
function linesFile(...lines: unknown[]): string {
  const path = join(folder.path, `${dataset}.jsonl`);
  const texts = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  writeFileSync(path, `${texts.join("\n")}\n`);
  return path;
}

const base64 = (text: string) => Buffer.from(text).toString("base64");
const failed = (sentence: RegExp) => ({ code: 1, stderr: expect.stringMatching(sentence) });
const wrong = (sentence: RegExp) => ({ code: 2, stderr: expect.stringMatching(sentence) });

describe("lockstep append, get and scan", { timeout: TEST_TIMEOUT_MS }, () => {
  test("write a row, recognise it when it comes again, read and delete it", async () => {
    const put = ["append", dataset, "a", "one", "--idempotency-key", "k1"];
    expect(await linesOf(...put)).toEqual([`appended to ${dataset} as 1`]);
    expect(await linesOf(...put)).toEqual([`appended to ${dataset} as 1, as it had been before`]);
    expect(await linesOf("get", dataset, "a")).toEqual([
      "KEY  SEQ  VERSION  VALUE",
      "a    1    0        one",
    ]);
    expect(await ask("get", dataset, "a", "--raw")).toMatchObject({ code: 0, stdout: "one" });
    expect(await linesOf("append", dataset, "a", "--delete")).toEqual([
      `appended to ${dataset} as 2`,
    ]);
    expect(await ask("get", dataset, "a")).toMatchObject(failed(/there is no row "a" in rows-/));
    const absent = await ask("get", dataset, "a", "--json");
    expect(absent.code).toBe(1);
    expect(JSON.parse(absent.stdout)).toMatchObject({ position: { appliedSeq: "2" } });
    expect(await ask("get", dataset, "a", "--at-least", "9")).toMatchObject(failed(/STALE_READ/));
  });

  test("take keys that are no text as hex digits", async () => {
    await linesOf("append", dataset, "ff00", "one", "--hex");
    expect((await linesOf("get", dataset, "ff00", "--hex"))[1]).toMatch(/^0xff00 +1 +0 +one$/);
    expect((await linesOf("scan", dataset, "ff", "--hex"))[1]).toMatch(/^0xff00 /);
  });

  test("write only what the conditions allow, and say which did not hold", async () => {
    await linesOf("append", dataset, "a", "one", "--expected-seq", "0", "--expected-head", "0");
    const again = ["append", dataset, "a", "two"];
    expect(await ask(...again, "--expected-seq", "0")).toMatchObject(failed(/KEY_MISMATCH/));
    expect(await ask(...again, "--expected-head", "0")).toMatchObject(failed(/HEAD_MISMATCH/));
    const fence = ["--fence", "leader/EXCLUSIVE/7"];
    expect(await ask(...again, ...fence)).toMatchObject(failed(/INVALID_FIELD/));
    const quorum = [...again, "--durability", "quorum:1"];
    expect(await ask(...quorum)).toMatchObject(failed(/NOT_ENOUGH_IN_SYNC/));
    expect((await linesOf("get", dataset, "a"))[1]).toMatch(/^a +1 +0 +one$/);
  });

  test.each([
    [["append", "d"], /give KEY and VALUE, KEY --delete, or --lines FILE/],
    [["append", "d", "k"], /give VALUE, "" for an empty one, or --delete/],
    [["append", "d", "k", "v", "--delete"], /with --delete there is no VALUE/],
    [["append", "d", "k", "--lines", "-"], /with --lines all about a change is said in its line/],
    [["append", "d", "--lines", "-", "--delete"], /with --lines all about a change/],
    [["append", "d", "k", "v", "--fence", "leader/SHARED/7"], /the sequencer of an exclusive lock/],
    [["append", "d", "zz", "v", "--hex"], /pairs of hex digits/],
    [["append", "d", "--lines", "nowhere.jsonl"], /--lines cannot be read: .*nowhere\.jsonl/],
    [["tail", "d", "--from", "-1"], /Give a whole number/],
  ])("%j cannot be used", async (args, sentence) => {
    expect(await ask(...args)).toMatchObject({ ...wrong(sentence), stdout: "" });
  });

  test("write what scan prints: a dataset is copied through a file", async () => {
    const rows = Array.from({ length: 1_100 }, (_, index) => ({
      key: base64(`key ${String(index).padStart(4, "0")}`),
      value: base64(`value ${index}`),
      schemaVersion: 3,
    }));
    const file = linesFile(...rows);
    expect(await longLinesOf("append", dataset, "--lines", file)).toEqual([
      `1100 changes appended to ${dataset}; the last one is 1100`,
    ]);
    const scanned = await longLinesOf("scan", dataset, "--all", "--json");
    expect(scanned.map((line) => JSON.parse(line))).toEqual(
      rows.map((row, index) => ({ ...row, seq: String(index + 1) })),
    );
    const copy = `${dataset}-copy`;
    await linesOf("dataset", "create", copy, ...WHY);
    await longLinesOf("append", copy, "--lines", linesFile(...scanned));
    expect(await longLinesOf("scan", copy, "--all", "--json")).toEqual(scanned);

    const page = await ask("scan", dataset, "key 00", "--limit", "2", "--after", "key 0041");
    expect(page.stdout.match(/^key .{4}/gm)).toEqual(["key 0042", "key 0043"]);
    expect(page.stderr).toBe('lockstep: there is more: go on with --all, or --after "key 0043"\n');
  });

  test("tell the line that is no change, and how far the file was appended", async () => {
    const good = { key: base64("a"), idempotencyKey: "1" };
    for (const [line, sentence] of [
      ["{", /line 2 is no change: .* Give the protocol's NewChange as JSON/],
      ["{}", /line 2 is no change: it has no key/],
      ['{"key":"a","op":"NOTHING"}', /line 2 is no change: /],
    ] as const) {
      const ended = await ask("append", dataset, "--lines", linesFile(good, line));
      expect(ended).toMatchObject({ ...wrong(sentence), stdout: "" });
      expect(ended.stderr).toMatch(/^lockstep: 0 changes appended, up to line 0; then:$/m);
    }
    const full = linesFile(
      ...Array.from({ length: 1_000 }, (_, index) => ({ ...good, idempotencyKey: `${index}` })),
      "{",
    );
    const half = await ask("append", dataset, "--lines", full);
    expect(half.stderr).toMatch(/^lockstep: 1000 changes appended, up to line 1000; then:$/m);
    expect(await longLinesOf("append", dataset, "--lines", linesFile(good))).toEqual([
      `1 change appended to ${dataset}, of them 1 before; the last one is 2`,
    ]);
  });
});

describe("lockstep tail", { timeout: TEST_TIMEOUT_MS }, () => {
  test("shows the log from any change on, also from within a batch", async () => {
    const keys = ["a", "b", "c"].map((key) => ({ key: base64(key), value: base64("1") }));
    const file = linesFile(...keys);
    await longLinesOf("append", dataset, "--lines", file, "--correlation-id", "job-1");
    await linesOf("dataset", "policy", dataset, "--max-bytes", "100", ...WHY);
    const all = await longLinesOf("tail", dataset, "--no-follow");
    expect(all[0]).toMatch(/^ +1 \S+Z put +a value="1" origin=\S+ correlation=job-1$/);
    expect(all[3]).toMatch(/^ +4 \S+Z control +policy origin=/);
    expect(all).toHaveLength(4);
    const some = await longLinesOf("tail", dataset, "--from", "2", "--limit", "2", "--json");
    expect(some.map((line) => JSON.parse(line).seq)).toEqual(["2", "3"]);
    expect(await ask("tail", dataset, "--from", "9", "--no-follow")).toMatchObject({ code: 0 });
    expect(await ask("tail", dataset, "--from", "0")).toMatchObject(wrong(/first change is 1/));
    expect(await ask("tail", dataset, "--from", "99")).toMatchObject(failed(/LOG_DIVERGED/));
    expect(await ask("tail", "nothing")).toMatchObject(failed(/DATASET_UNKNOWN/));
  });

  test("follows what is appended later, without gap or repetition over a restart", async () => {
    const data = join(folder.path, "restarted");
    const first = await CliServer.start(["--data", data]);
    const { address } = first;
    const there = (...args: string[]) => lockstep([...args, "--address", address]);
    await there("dataset", "create", "log", ...WHY);
    await there("append", "log", "a", "1");
    const flags = ["--from", "1", "--limit", "3", "--json", "--address", address];
    const tail = new CliProcess(["tail", "log", ...flags]);
    await tail.says(/"seq":"1"/);
    await first.stop();
    const second = await CliServer.start(["--data", data, "--listen", address]);
    await there("append", "log", "b", "2");
    await there("append", "log", "c", "3");
    const { code, stdout } = await tail.ended;
    await second.stop();
    const seqs = stdout.trimEnd().split("\n");
    expect([code, seqs.map((line) => JSON.parse(line).seq)]).toEqual([0, ["1", "2", "3"]]);
  });
});

describe("lockstep snapshot, scrub and lag", { timeout: TEST_TIMEOUT_MS }, () => {
  test("copy a dataset into a file, prove the rows of the server, and list no replica", async () => {
    await longLinesOf("append", dataset, "--lines", linesFile({ key: "YQ==" }, { key: "Yg==" }));
    const to = join(folder.path, `${dataset}.db`);
    const copied = await ask("snapshot", dataset, "--to", to);
    expect(copied).toMatchObject({
      code: 0,
      stdout: `${to} has 2 rows, all those of ${dataset} at 2.\n`,
    });
    expect(existsSync(`${to}.partial`)).toBe(false);
    const database = new DatabaseSync(to, { readOnly: true });
    const { seq } = database.prepare("SELECT seq FROM lockstep_progress").get() ?? {};
    database.close();
    expect(seq).toBe(2);
    expect(await ask("snapshot", dataset, "--to", to)).toMatchObject(wrong(/exists: give another/));
    const nowhere = join(folder.path, "nowhere", "copy.db");
    const noFolder = await ask("snapshot", dataset, "--to", nowhere);
    expect(noFolder).toMatchObject(failed(/^lockstep: the SQLite file cannot be used: .*\n$/));
    const checked = await ask("drift", "check", dataset, "--file", to, "--json");
    expect(JSON.parse(checked.stdout)).toMatchObject({ rows: 2, badBuckets: 0, findings: [] });

    const scrubbed = await ask("scrub", dataset);
    const line = `${dataset}: 2 rows looked at, nothing is damaged.\n`;
    expect(scrubbed).toMatchObject({ code: 0, stdout: line });
    // A copy that was broken off is brought up to now.
    renameSync(to, `${to}.partial`);
    await linesOf("append", dataset, "c", "3");
    const later = await ask("snapshot", dataset, "--to", to, "--json");
    expect(JSON.parse(later.stdout)).toEqual({ dataset, file: to, seq: "3", rows: 3 });
    // None of these has left a replica behind.
    expect(await linesOf("lag", dataset)).toEqual(["There are no replicas."]);
    const lost = join(folder.path, "nothing.db");
    expect(await ask("snapshot", "nothing", "--to", lost)).toMatchObject(failed(/DATASET_UNKNOWN/));
    expect(existsSync(`${lost}.partial`)).toBe(false);
  });
});
