import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, connect } from "@lockstep/client/node";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CliProcess, lockstep } from "../testing-support/cli-process.ts";
import { CliServer, type TestFolder, testFolder } from "../testing-support/cli-server.ts";

const TEST_TIMEOUT_MS = 60_000;

let folder: TestFolder;
let server: CliServer;
let client: Client;
const started: CliProcess[] = [];
beforeAll(async () => {
  folder = testFolder();
  server = await CliServer.start(["--data", join(folder.path, "data")]);
  client = connect({ address: server.address, displayName: "holder of it" });
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

async function stateOf(key: string): Promise<number | undefined> {
  return (await client.getLock(key)).lock?.holders.length;
}

/** A server that can be taken away from its clients. */
async function ownServer(): Promise<CliServer> {
  const own = await CliServer.start(["--data", join(folder.path, "own")]);
  started.push(own.process);
  return own;
}

// Tells when it runs; ends when it is told to, and says by which signal.
const obedient =
  'for s in TERM INT HUP; do trap "echo got $s; exit 9" $s; done; echo ready $LOCKSTEP_TOKEN; while :; do sleep 0.05; done';
// Goes on whatever it is told.
const stubborn = 'trap "echo got TERM" TERM; echo ready $$; while :; do sleep 0.05; done';

describe("lockstep run", { timeout: TEST_TIMEOUT_MS }, () => {
  test("holds the lock while the command runs, and tells it key, token and sequencer", async () => {
    const script =
      'echo "$LOCKSTEP_KEY $LOCKSTEP_TOKEN $LOCKSTEP_SEQUENCER"; read line; echo "$line"';
    const cli = start("env", "--", "sh", "-c", `exec 0<&-; ${obedient}`);
    const [, token] = await cli.says(/ready (\d+)/);
    expect((await client.getLock("env")).lock?.holders).toMatchObject([
      { token: BigInt(String(token)), displayName: expect.stringMatching(/^sh on /) },
    ]);
    cli.signal("SIGTERM");
    await cli.ended;
    expect(await stateOf("env")).toBe(0);
    const { stdout } = await run("env", "--", "sh", "-c", script);
    expect(stdout).toMatch(/^env (\d+) env\/EXCLUSIVE\/\1\n\n$/);
  });

  test("passes the exit code on", async () => {
    expect(await run("code", "--", "sh", "-c", "exit 7")).toEqual({
      code: 7,
      stdout: "",
      stderr: "",
    });
    expect(await run("code", "--", "true")).toMatchObject({ code: 0 });
  });

  test("counts a command ended by a signal as 128 and the signal", async () => {
    expect(await run("code", "--", "sh", "-c", "kill -KILL $$")).toMatchObject({ code: 137 });
  });

  test.each([["SIGTERM"], ["SIGINT"], ["SIGHUP"]] as const)("passes %s on", async (signal) => {
    const cli = start("signals", "--", "sh", "-c", obedient);
    await cli.says(/ready/);
    cli.signal(signal);
    expect(await cli.ended).toMatchObject({
      code: 9,
      stdout: expect.stringContaining(`got ${signal.slice(3)}\n`),
    });
    expect(await stateOf("signals")).toBe(0);
  });

  test("takes its request back when a signal comes while it waits", async () => {
    const lock = await client.acquire("waits");
    const cli = start("waits", "--", "echo", "never");
    for await (const { body } of client.watch({ keys: ["waits"], afterRevision: lock.token })) {
      if (body.case === "lockQueued") break;
    }
    cli.signal("SIGTERM");
    expect(await cli.ended).toEqual({ code: 143, stdout: "", stderr: "" });
    expect((await client.getLock("waits")).lock?.queueLength).toBe(0);
    await lock.release();
  });

  test.each([
    ["0", /: CONTENDED[^\n]*; holder of it holds it since \d{4}-[^\n]*\n$/],
    ["50ms", /: WAIT_TIMED_OUT; holder of it holds it since \d{4}-[^\n]*\n$/],
  ])("has an exit code of its own when the lock is not granted within %s", async (wait, why) => {
    const lock = await client.acquire("taken");
    expect(await run("taken", "--wait", wait, "--", "echo", "never")).toEqual({
      code: 76,
      stdout: "",
      stderr: expect.stringMatching(
        new RegExp(`^lockstep: The lock "taken" was not granted${why.source}`),
      ),
    });
    await lock.release();
  });

  test("sends KILL and has an exit code of its own when the lock is taken away", async () => {
    const cli = start("forced", "--", "sh", "-c", stubborn);
    const [, pid] = await cli.says(/ready (\d+)/);
    const [holder] = (await client.getLock("forced")).lock?.holders ?? [];
    await client.forceRelease({
      key: "forced",
      expectedToken: holder?.token ?? 0n,
      reason: "a test",
    });
    expect(await cli.ended).toMatchObject({
      code: 75,
      stderr: expect.stringContaining("was lost: FORCE_RELEASED"),
    });
    expect(isRunning(Number(pid))).toBe(false);
  });

  test("does not take for good what a command did that ended after the lock was taken away", async () => {
    const script = "trap 'exit 0' USR1; echo ready $$; while :; do sleep 0.05; done";
    const cli = start("unseen", "--", "sh", "-c", script);
    const [, pid] = await cli.says(/ready (\d+)/);
    const [holder] = (await client.getLock("unseen")).lock?.holders ?? [];
    // It sees neither the loss nor the end of the command before both have happened.
    cli.signal("SIGSTOP");
    while (stateOfProcess(cli.pid) !== "T") await client.serverInfo();
    const expectedToken = holder?.token ?? 0n;
    await client.forceRelease({ key: "unseen", expectedToken, reason: "a test" });
    process.kill(Number(pid), "SIGUSR1");
    while (isRunning(Number(pid))) await client.serverInfo();
    cli.signal("SIGCONT");
    expect(await cli.ended).toMatchObject({
      code: 75,
      stderr: expect.stringContaining("was lost: FORCE_RELEASED"),
    });
  });

  test("sends TERM when only the grace is left without the server, in time to end well", async () => {
    const own = await ownServer();
    const flags = ["--address", own.address, "--ttl", "2s", "--grace", "600ms"];
    const cli = start(...flags, "grace", "--", "sh", "-c", obedient);
    await cli.says(/ready/);
    own.process.signal("SIGSTOP");
    await cli.says(/got TERM\n/);
    expect(await cli.ended).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(
        // The shell may say first that what it had started was terminated.
        /^lockstep: no renewal of the lock "grace" is acknowledged: sent TERM/m,
      ),
    });
  });

  test("sends KILL to the whole group when the lease has passed", async () => {
    const own = await ownServer();
    const script = scriptFile("stubborn", stubborn);
    const flags = ["--address", own.address, "--ttl", "2s"];
    const cli = start(...flags, "lease", "--", "sh", "-c", `sh ${script} & exec sh ${script}`);
    const [, first, second] = await cli.says(/ready (\d+)\nready (\d+)/);
    await own.process.kill();
    expect(await cli.ended).toMatchObject({
      code: 75,
      stdout: expect.stringContaining("got TERM\ngot TERM\n"),
      stderr: expect.stringMatching(/sent TERM.*sent KILL.*was lost: DEADLINE_PASSED/s),
    });
    expect([first, second].map((pid) => isRunning(Number(pid)))).toEqual([false, false]);
  });

  test("leaves nothing of the group behind when only the command itself obeys TERM", async () => {
    const own = await ownServer();
    const script = scriptFile("stubborn", stubborn);
    const flags = ["--address", own.address, "--ttl", "2s"];
    const cli = start(...flags, "lease", "--", "sh", "-c", `sh ${script} & wait`);
    const [, pid] = await cli.says(/ready (\d+)/);
    own.process.signal("SIGSTOP");
    const ended = await cli.ended;
    expect(ended).toMatchObject({ code: 75, stderr: expect.stringContaining("sent TERM") });
    expect(isRunning(Number(pid))).toBe(false);
  });

  test("stopped and gone on with after the lease, does not let the command go on", async () => {
    const own = await ownServer();
    const flags = ["--address", own.address, "--ttl", "2s"];
    const script = 'trap "echo went on" CONT; echo ready $$; while :; do :; done';
    const cli = start(...flags, "stop", "--", "sh", "-c", script);
    const [, pid] = await cli.says(/ready (\d+)/);
    const watching = connect({ address: own.address });
    const { token } = (await watching.getLock("stop")).lock?.holders[0] ?? { token: 0n };
    cli.signal("SIGTSTP");
    for await (const { body } of watching.watch({ keys: ["stop"], afterRevision: token })) {
      if (body.case === "lockLost") break;
    }
    // Nobody has renewed the lease or used what the lock protects: both stand still.
    expect([Number(pid), cli.pid].map(isStopped)).toEqual([true, true]);
    const before = cli.stdout;
    cli.signal("SIGCONT");
    expect(await cli.ended).toMatchObject({ code: 75, stdout: before });
    await watching.close();
  });

  test("stopped and gone on with within the lease, lets the command go on", async () => {
    const cli = start("pause", "--ttl", "60s", "--", "sh", "-c", stubborn);
    const [, pid] = await cli.says(/ready (\d+)/);
    cli.signal("SIGTSTP");
    for (const stopped of [cli.pid, Number(pid)]) {
      while (!isStopped(stopped)) await client.serverInfo();
    }
    cli.signal("SIGCONT");
    cli.signal("SIGTERM");
    await cli.says(/got TERM/);
    expect(await stateOf("pause")).toBe(1);
  });

  test.each([
    [["no-such-command-anywhere"], 127, /^lockstep: cannot run no-such\S+: no such command\n$/],
    [["/"], 126, /^lockstep: cannot run \/: [^\n]*\n$/],
  ])("says only that it cannot run %j, and gives the lock back", async (command, code, said) => {
    expect(await run("missing", "--", ...command)).toMatchObject({
      code,
      stdout: "",
      stderr: expect.stringMatching(said),
    });
    expect(await stateOf("missing")).toBe(0);
  });

  test.each([
    [["--ttl", "1s"], "--ttl must be 2s to 1h"],
    [["--grace", "6s"], "--grace must be at most a third of --ttl, 5000ms"],
    [["--wait", "soon"], "Give a whole number and a unit"],
    [["--mode", "alone"], "exclusive, shared, upgradable, permits"],
    [["--mode", "shared", "--permits", "2"], "--permits goes with --mode permits"],
  ])("%j cannot be used", async (flags, sentence) => {
    const ended = await run("usage", ...flags, "--", "true");
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining(sentence) });
  });

  test("says that no server answers", async () => {
    const ended = await lockstep([
      "run",
      "k",
      "--address",
      "127.0.0.1:1",
      "--connect-timeout",
      "50ms",
      "--",
      "echo",
      "never",
    ]);
    expect(ended).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^lockstep: No Lockstep server answers at [^\n]*\n$/),
    });
  });
});

function scriptFile(name: string, script: string): string {
  const path = join(folder.path, name);
  writeFileSync(path, script);
  return path;
}

function isRunning(pid: number): boolean {
  const state = stateOfProcess(pid);
  return state !== undefined && state !== "Z";
}

/** A shell that was just starting a program when both were stopped waits for it in state D, as vfork does. */
function isStopped(pid: number): boolean {
  const state = stateOfProcess(pid);
  return state === "T" || state === "D";
}

/** The kernel's letter for the state of a process, undefined when there is none. */
function stateOfProcess(pid: number): string | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "utf8");
    return status[status.lastIndexOf(")") + 2];
  } catch {
    return undefined;
  }
}
