import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { connect } from "@lockstep/client/node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CliProcess, lockstep } from "../testing-support/cli-process.ts";
import { CliServer, type TestFolder, testFolder } from "../testing-support/cli-server.ts";

const TEST_TIMEOUT_MS = 60_000;

let folder: TestFolder;
let data: string;
const started: CliProcess[] = [];
beforeEach(() => {
  folder = testFolder();
  data = join(folder.path, "data");
});
afterEach(async () => {
  for (const process of started.splice(0)) await process.kill();
  folder.remove();
});

async function start(...flags: string[]): Promise<CliServer> {
  const server = await CliServer.start(["--data", data, ...flags]);
  started.push(server.process);
  return server;
}

async function takeLock(address: string, key: string): Promise<bigint> {
  // Never closed, like the client of a process that was killed: the hold stays.
  const client = connect({ address, ttlMs: 60_000, unref: true });
  return (await client.acquire(key)).token;
}

const inNamespace = (file: string) => join(data, "namespaces", "default", file);

describe("lockstep serve", { timeout: TEST_TIMEOUT_MS }, () => {
  test("says in one line of JSON that it is ready, and keeps its data to its user", async () => {
    const server = await start();
    expect(server.ready).toEqual({
      address: expect.stringMatching(/^127\.0\.0\.1:[1-9]\d+$/),
      data,
      durability: "LOCAL_DISK",
      pid: server.process.pid,
      version: expect.any(String),
      node: "lockstep",
      insecure: false,
      testClock: false,
      grantPauseMs: 0,
    });
    expect(server.process.stdout.split("\n")).toHaveLength(2);
    expect(statSync(data).mode & 0o777).toBe(0o700);
    expect(statSync(inNamespace("journal.db")).mode & 0o777).toBe(0o600);
    expect(await server.stop()).toMatchObject({ code: 0, stderr: "" });
  });

  test("greets people with address, folder, durability, process and a command to try next", async () => {
    const cli = new CliProcess(["serve", "--listen", "127.0.0.1:0", "--log-level", "fatal"], {
      folder: folder.path,
    });
    started.push(cli);
    const [, address] = await cli.says(/address {5}(\S+)/);
    const banner = (await cli.says(/Lockstep .* is ready\.\n.*Ctrl-C\n/s))[0];
    expect(banner).toContain(`data        ${join(folder.path, ".lockstep")}`);
    expect(banner).toContain("durability  every event is synced to disk before its reply leaves");
    expect(banner).toContain(`process     ${cli.pid}\n`);
    expect(banner).toMatch(
      new RegExp(`try next {4}node \\S+main\\.js run demo --address ${address} `),
    );
    expect(banner).not.toContain("!!");
  });

  test("says loudly what is not safe", async () => {
    const flags = ["--listen", "0.0.0.0:0", "--insecure-listen", "--test-clock"];
    const cli = new CliProcess(["serve", ...flags, "--journal", "memory", "--log-level", "fatal"]);
    started.push(cli);
    const [banner] = await cli.says(/is ready.*Ctrl-C/s);
    expect(banner.match(/!! [A-Z ]+/g)).toEqual(["!! INSECURE", "!! TEST CLOCK", "!! IN MEMORY"]);
  });

  test("the first signal lets calls under way end, a second one does not", async () => {
    const server = await start("--drain-ms", "600000", "--log-level", "info");
    const [host, port] = server.address.split(":");
    const call = createConnection({ host: String(host), port: Number(port) });
    call.on("error", () => undefined);
    // A request that never ends; the server has begun to read it when it says so.
    call.write("POST /lockstep.v1.LockService/Acquire HTTP/1.1\r\nHost: localhost\r\n");
    call.write("Expect: 100-continue\r\nContent-Length: 9\r\n\r\n");
    await once(call, "data");
    server.process.signal("SIGTERM");
    await server.process.says(/"stopping"/, "stderr");
    server.process.signal("SIGINT");
    expect((await server.process.ended).code).toBe(130);
    call.destroy();
  });

  test("serves and stops in good order although its log cannot be written", async () => {
    const full = { before: "exec 2>/dev/full" };
    const server = await CliServer.start(["--data", data, "--log-level", "debug"], full);
    started.push(server.process);
    await takeLock(server.address, "orders");
    expect(await server.stop()).toMatchObject({ code: 0 });
  });

  test("after kill -9 the next start still knows who holds the lock [REC-2]", async () => {
    const server = await start();
    const token = await takeLock(server.address, "orders");
    await server.process.kill();
    const next = await start();
    const client = connect({ address: next.address });
    const { lock } = await client.getLock("orders");
    expect(lock?.holders.map((holder) => holder.token)).toEqual([token]);
    expect(await client.tryAcquire("orders")).toBeNull();
    await client.close();
  });

  test("ends at once with its own code when the journal cannot be written any more [REC-46]", async () => {
    const server = await CliServer.start(["--data", data], { before: "ulimit -f 256" });
    started.push(server.process);
    const client = connect({ address: server.address, unref: true });
    const correlationId = "x".repeat(128);
    const filling = (async () => {
      for (;;) await (await client.acquire("orders", { correlationId })).release();
    })();
    filling.catch(() => undefined);
    const ended = await server.process.ended;
    expect(ended.code).toBe(4);
    expect(JSON.parse(ended.stderr)).toMatchObject({ level: 60 });
    // What was acknowledged is there again once the journal can be written.
    expect((await (await start()).stop()).code).toBe(0);
  });
});

describe("lockstep serve refuses", { timeout: TEST_TIMEOUT_MS }, () => {
  const serve = (...flags: string[]) =>
    lockstep(["serve", "--listen", "127.0.0.1:0", "--data", data, ...flags]);

  test.each([
    [["--listen", "nowhere"], {}, "--listen must be HOST:PORT"],
    [[], { LOCKSTEP_LOG_LEVEL: "loud" }, "LOCKSTEP_LOG_LEVEL must be one of silent"],
    [["--limit", "max_ttl_ms=1", "--limit", "max_fun=1"], {}, "--limit must be NAME=NUMBER"],
    [["--journal", "memory"], {}, "--journal memory keeps nothing: give --dev or --test-clock"],
    [["--frobnicate"], {}, "unknown option '--frobnicate'"],
    [["now"], {}, "too many arguments for 'serve'"],
  ])("the flags %j with %j, which cannot be used", async (flags, variables, sentence) => {
    const ended = await lockstep(["serve", "--data", data, ...flags], { variables });
    expect(ended.stderr).toContain(`lockstep: ${sentence}`);
    expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
  });

  test("a port that is taken", async () => {
    const { address } = await start();
    const ended = await lockstep(["serve", "--data", join(folder.path, "b"), "--listen", address]);
    expect(ended).toMatchObject({
      code: 3,
      stdout: "",
      stderr: `lockstep: cannot listen on ${address}: the port is in use: stop what listens there, or choose another with --listen\n`,
    });
  });

  test("an address that others can reach, unless told so", async () => {
    const ended = await serve("--listen", "0.0.0.0:0");
    expect(ended).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^lockstep: .*--insecure-listen.*\n$/),
    });
  });

  test("a folder that another server uses [REC-45]", async () => {
    await start();
    expect(await serve()).toMatchObject({
      code: 3,
      stderr: `lockstep: The data folder ${data} is in use by another server: stop that one, or choose another folder.\n`,
    });
  });

  test("a folder that cannot be made", async () => {
    writeFileSync(data, "a file");
    expect(await serve("--data", join(data, "below"))).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^lockstep: The data folder .* cannot be written .*\n$/),
    });
  });

  test("a damaged journal, and leaves it as it is [REC-40, REC-41]", async () => {
    await (await start()).stop();
    const database = readFileSync(inNamespace("journal.db"));
    database.fill(0xa5, 4_096, 8_192);
    writeFileSync(inNamespace("journal.db"), database);
    expect(await serve()).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^lockstep: The journal file .*journal\.db is damaged: .*\n$/),
    });
    expect(readFileSync(inNamespace("journal.db")).equals(database)).toBe(true);
  });

  test("a journal of a newer version [REC-44]", async () => {
    await (await start()).stop();
    const database = readFileSync(inNamespace("journal.db"));
    // Where SQLite keeps the user's version number.
    database.writeUInt32BE(99, 60);
    writeFileSync(inNamespace("journal.db"), database);
    expect(await serve()).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(
        /^lockstep: The journal .* has format 99, .*newer version.*\n$/,
      ),
    });
  });

  test("a data folder of a newer version [REC-44]", async () => {
    await (await start()).stop();
    const identity = JSON.parse(readFileSync(join(data, "identity"), "utf8"));
    writeFileSync(join(data, "identity"), JSON.stringify({ ...identity, format: 99 }));
    expect(await serve()).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^lockstep: .*99.*\n$/),
    });
  });

  test("a journal without its mark, until it is told to begin a new lineage [REC-30, REC-31, REC-33]", async () => {
    const before = await start();
    const token = await takeLock(before.address, "orders");
    await before.stop();
    rmSync(inNamespace("mark"));
    expect(await serve()).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(
        /^lockstep: .*mark is missing.* or start a new lineage with --new-lineage\.\n$/,
      ),
    });
    const paused = await start("--new-lineage", "--log-level", "warn");
    await paused.process.says(/"grantPauseMs":3600000,"msg":"a new lineage began"/, "stderr");
    expect(paused.ready.grantPauseMs).toBe(3_600_000);
    await paused.process.kill();
    rmSync(data, { recursive: true });
    mkdirSync(data);
    const server = await start("--new-lineage", "--dev");
    expect(server.ready.grantPauseMs).toBe(0);
    expect(await takeLock(server.address, "orders")).toBeGreaterThan(token + 1_000_000_000n);
  });

  test("a journal that ends before its mark [REC-30, REC-40]", async () => {
    const before = await start();
    await takeLock(before.address, "orders");
    await before.stop();
    rmSync(inNamespace("journal.db"));
    expect(await serve()).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(
        /^lockstep: .*mark .* shows that revision \d+ was acknowledged.* with --new-lineage\.\n$/,
      ),
    });
  });
});
