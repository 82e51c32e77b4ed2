import { type Client, connect } from "@lockstep/client/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allCommands } from "../testing-support/all-commands.ts";
import { CliProcess, lockstep } from "../testing-support/cli-process.ts";
import { CliServer, type TestFolder, testFolder } from "../testing-support/cli-server.ts";

const TEST_TIMEOUT_MS = 60_000;

let folder: TestFolder;
let server: CliServer;
let holder: Client;
let waiter: Client;
beforeAll(async () => {
  folder = testFolder();
  server = await CliServer.start(["--data", folder.path]);
  const { address } = server;
  holder = connect({ address, displayName: "the holder", ttlMs: 600_000 });
  waiter = connect({ address, displayName: "the waiter", ttlMs: 600_000 });
  await holder.acquire("a/orders", { correlationId: "job-1", owner: "task 1" });
  await holder.acquire("b/stock");
  const waiting = waiter.acquire("a/orders", { correlationId: "job-2" });
  waiting.catch(() => undefined);
  for await (const event of waiter.watch({ afterRevision: 0n })) {
    if (event.body.case === "lockQueued") break;
  }
}, TEST_TIMEOUT_MS);
afterAll(async () => {
  await Promise.all([holder.close(), waiter.close()]);
  await server.stop();
  folder.remove();
});

const ask = (...args: string[]) =>
  lockstep(args, { variables: { LOCKSTEP_ADDRESS: server.address } });

async function linesOf(...args: string[]): Promise<string[]> {
  const ended = await ask(...args);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  return ended.stdout.trimEnd().split("\n");
}

const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

const commands = [...(await allCommands()).keys()];

describe("lockstep", { timeout: TEST_TIMEOUT_MS }, () => {
  test("locks shows who holds, since when, why, and who waits", async () => {
    const lines = await linesOf("locks");
    expect(lines).toEqual([
      expect.stringMatching(/^KEY +STATE +MODE +WHO +SINCE +TOKEN +ABOUT$/),
      expect.stringMatching(
        new RegExp(
          `^a/orders +held +exclusive +the holder \\(session 2\\), owner task 1 +${time} +3 +job-1$`,
        ),
      ),
      expect.stringMatching(
        new RegExp(`^ +waits 1 +exclusive +the waiter \\(session \\d\\) +${time} +job-2$`),
      ),
      expect.stringMatching(/^b\/stock +held +exclusive +the holder \(session 2\) /),
    ]);
  });

  test("locks PREFIX shows only those, and says when there are none", async () => {
    const [line = "", ...rest] = await linesOf("locks", "b/", "--json");
    expect(rest).toEqual([]);
    expect(JSON.parse(line)).toMatchObject({ key: "b/stock", state: "KEY_STATE_HELD" });
    expect(await linesOf("locks", "c/")).toEqual(["No locks are in use."]);
  });

  test("info shows version, durability, counters and limits", async () => {
    const text = (await linesOf("info")).join("\n");
    expect(text).toMatch(/durability +LOCAL_DISK\n/);
    expect(text).toMatch(/holds +2\n +waiters +1\n/);
    expect(text).toMatch(/max_ttl_ms +3600000\n/);
    const [json = ""] = await linesOf("info", "--json");
    expect(JSON.parse(json)).toMatchObject({
      durability: "DURABILITY_LOCAL_DISK",
      namespace: { namespace: "default", counters: { grants: "2" } },
    });
  });

  test("events shows the history by key, prefix and place, and says how to go on", async () => {
    const all = await linesOf("events");
    expect(all[0]).toMatch(/^ +1 .* epoch started /);
    expect(all).toHaveLength(6);
    const key = await linesOf("events", "a/orders", "--json");
    expect(key.map((line) => Object.keys(JSON.parse(line)).at(-1))).toEqual([
      "lockGranted",
      "lockQueued",
    ]);
    expect(await linesOf("events", "--prefix", "b/")).toEqual([
      expect.stringMatching(/lock granted +key=b\/stock /),
    ]);
    const limited = await ask("events", "--limit", "2", "--after", "1");
    expect(limited.stdout).toMatch(/^ +2 .*\n +3 .*\n$/);
    expect(limited).toMatchObject({
      code: 0,
      stderr: "lockstep: there is more: go on with --after 3\n",
    });
  });

  test("watch shows events as they happen, until it is interrupted", async () => {
    const watch = new CliProcess(["watch", "c/1", "--after", "1", "--address", server.address]);
    const other = new CliProcess(["watch", "--prefix", "c/2", "--json", "--after", "1"], {
      variables: { LOCKSTEP_ADDRESS: server.address },
    });
    await (await holder.acquire("c/1")).release();
    await (await holder.acquire("c/2")).release();
    await watch.says(/lock granted +key=c\/1 .*\n.* lock released +key=c\/1 .*\n$/);
    const [granted = ""] = await other.says(/^.*\n/);
    expect(JSON.parse(granted)).toMatchObject({ lockGranted: { targets: [{ key: "c/2" }] } });
    watch.signal("SIGINT");
    other.signal("SIGTERM");
    expect((await watch.ended).code).toBe("SIGINT");
    expect((await other.ended).code).toBe("SIGTERM");
  });

  test("watch chooses by session and principal too", async () => {
    const about = ["--session", "2", "--actor", "127.0.0.1", "--after", "0"];
    const watch = new CliProcess(["watch", ...about, "--address", server.address]);
    await watch.says(/session opened +session=2 .*\n.* lock granted +key=a\/orders .*session=2/);
    watch.signal("SIGTERM");
    expect((await watch.ended).stdout).not.toContain("session=5");
  });

  test("says in one sentence that its output cannot be written", async () => {
    const full = new CliProcess(["events", "--address", server.address], {
      before: "exec >/dev/full",
    });
    expect(await full.ended).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^lockstep: the output cannot be written: ENOSPC[^\n]*\n$/),
    });
  });

  test("says which Node it wants to one that lacks what it needs", async () => {
    const ended = await lockstep(["--version"], {
      variables: { NODE_OPTIONS: "--no-experimental-sqlite" },
    });
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toMatch(/^lockstep: Node \S+ is too old \(wanted: [^\n]*\n$/);
  });

  test.each([["info"], ["locks"], ["events"], ["watch"]])(
    "%s says in one sentence that no server answers",
    async (command) => {
      // Nobody listens on port 1.
      const ended = await lockstep([command, "--address", "127.0.0.1:1"]);
      expect(ended).toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(/^lockstep: No Lockstep server answers at .*\n$/),
      });
    },
  );

  test("a refusal of the server is one sentence", async () => {
    expect(await ask("locks", "--namespace", "elsewhere")).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^lockstep: NOT_PERMITTED: .*\n$/),
    });
  });

  test.each([
    [["locks", "--address", "http://x/y"], "is not where a server can be"],
    [["events", "--limit", "0"], "Give a whole number, at least 1."],
    [["events", "k", "--prefix", "p"], "give KEY or --prefix, not both"],
    [["watch", "--after", "soon"], "Give a revision"],
    [["frobnicate"], "unknown command 'frobnicate'"],
  ])("%j cannot be used", async (args, sentence) => {
    const ended = await ask(...args);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toMatch(/^lockstep: [^\n]*\n$/);
    expect(ended.stderr).toContain(sentence);
  });

  test("ends without a word when nobody reads its help any more", async () => {
    const command = new CliProcess(["--help"]);
    command.stopReading();
    expect(await command.ended).toMatchObject({ code: 0, stderr: "" });
  });

  test.each(commands)("%s says what it does and its exit codes", async (command) => {
    const { code, stdout } = await lockstep([...command.split(" "), "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: lockstep .*\n\n\S/);
    expect(stdout).toMatch(/Exit codes:\n +\d/);
  });
});

describe("lockstep events", { timeout: TEST_TIMEOUT_MS }, () => {
  test("chooses by session, principal and time", async () => {
    await using client = connect({ address: server.address, ttlMs: 600_000 });
    const lock = await client.acquire("chosen/k");
    await lock.release();
    const { lock: read } = await client.getLock("chosen/k");
    expect(read?.holders).toEqual([]);
    const [json = ""] = await linesOf("events", "chosen/k", "--json");
    const { lockGranted } = JSON.parse(json);
    const about = await linesOf("events", "--session", lockGranted.sessionId);
    expect(about.map((line) => line.slice(32, 52).trim())).toEqual([
      "session opened",
      "lock granted",
      "lock released",
    ]);
    expect((await ask("events", "chosen/k", "--actor", "nobody")).stdout).toBe("");
    expect(
      await linesOf("events", "chosen/k", "--from", "1h", "--actor", "127.0.0.1"),
    ).toHaveLength(2);
    expect((await ask("events", "chosen/k", "--until", "2020-01-01")).stdout).toBe("");
    expect(await ask("events", "--from", "2026-01-02", "--until", "2026-01-01")).toMatchObject({
      ...{ code: 2, stderr: expect.stringMatching(/--until must be later than --from/) },
    });
    expect(await ask("events", "--from", "soon")).toMatchObject({
      ...{ code: 2, stderr: expect.stringMatching(/Give a time/) },
    });
  });
});
