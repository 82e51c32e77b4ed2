import { type Client, connect } from "@lockstep/client/node";
import { LockMode } from "@lockstep/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Ended, lockstep } from "../testing-support/cli-process.ts";
import { CliServer, type TestFolder, testFolder } from "../testing-support/cli-server.ts";

const TEST_TIMEOUT_MS = 60_000;
const WHY = ["--reason", "a good reason"];

let folder: TestFolder;
let server: CliServer;
const clients: Client[] = [];
beforeAll(async () => {
  folder = testFolder();
  server = await CliServer.start(["--data", folder.path]);
}, TEST_TIMEOUT_MS);
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});
afterAll(async () => {
  await server.stop();
  folder.remove();
});

function clientOf(displayName: string, namespace = "default"): Client {
  const client = connect({ address: server.address, displayName, namespace, ttlMs: 600_000 });
  clients.push(client);
  return client;
}

const ask = (...args: string[]): Promise<Ended> =>
  lockstep(args, { variables: { LOCKSTEP_ADDRESS: server.address } });

async function linesOf(...args: string[]): Promise<string[]> {
  const ended = await ask(...args);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  return ended.stdout.trimEnd().split("\n");
}

async function jsonOf(...args: string[]): Promise<unknown> {
  const [line = "", ...rest] = await linesOf(...args, "--json");
  expect(rest).toEqual([]);
  return JSON.parse(line);
}

const failed = (sentence: RegExp) => ({ code: 1, stderr: expect.stringMatching(sentence) });
const wrong = (sentence: RegExp) => ({
  code: 2,
  stdout: "",
  stderr: expect.stringMatching(sentence),
});

describe("lockstep force-release", { timeout: TEST_TIMEOUT_MS }, () => {
  test("shows the holder, ends its hold and tells how long the key stays blocked", async () => {
    const lock = await clientOf("the holder").acquire("force/one");
    const ended = await ask("force-release", "force/one", ...WHY);
    expect(ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^hold \d+ is over; its keys stay blocked for at most \d/),
      stderr: expect.stringMatching(/force\/one +held +exclusive +the holder \(session \d+\)/),
    });
    expect((await lock.lost).reason).toBe("FORCE_RELEASED");
    expect(await linesOf("events", "force/one")).toContainEqual(
      expect.stringMatching(/lock lost .*reason=FORCE_RELEASED.* because="a good reason"$/),
    );
  });

  test("frees the keys at once when the client is known to be dead, of a delay that runs too", async () => {
    const stubborn = clientOf("dead");
    const { token } = await stubborn.acquire("force/dead");
    const expected = ["--expected-token", String(token)];
    expect(await jsonOf("force-release", "force/dead", ...expected, ...WHY, "--immediate")).toEqual(
      expect.objectContaining({ holdId: String(token), delayRemainingMs: "0" }),
    );
    expect(await linesOf("locks", "force/dead")).toEqual(["No locks are in use."]);
  });

  test("does nothing when nobody holds the key, or several do", async () => {
    expect(await ask("force-release", "force/free", ...WHY)).toMatchObject(
      failed(/nobody holds "force\/free"\n$/),
    );
    for (const name of ["one", "two"]) {
      await clientOf(name).acquire({ key: "force/many", mode: "SHARED" });
    }
    expect(await ask("force-release", "force/many", ...WHY)).toMatchObject(
      failed(/there are 2 holds of "force\/many": say which, --expected-token TOKEN\n$/),
    );
    expect((await clientOf("other").getLock("force/many")).lock?.holders).toHaveLength(2);
  });

  test("and every other act wants a reason", async () => {
    for (const act of [
      ["force-release", "k"],
      ["revoke-session", "1"],
      ["quarantine", "add", "p"],
      ["quarantine", "clear", "--key", "k"],
      ["policy", "set", "p"],
      ["policy", "remove", "p"],
      ["namespaces", "create", "n"],
      ["namespaces", "update", "n"],
    ]) {
      expect(await ask(...act)).toMatchObject(wrong(/required option '--reason <WHY>'/));
    }
  });
});

describe("lockstep sessions and revoke-session", { timeout: TEST_TIMEOUT_MS }, () => {
  test("list who is there, and end a session", async () => {
    const client = clientOf("to be revoked");
    const lock = await client.acquire("revoke/k");
    const lines = await linesOf("sessions");
    const row = lines.find((line) => line.includes("to be revoked")) ?? "";
    expect(lines[0]).toMatch(/^SESSION +STATE +NAME +PRINCIPAL +OPENED +LEFT +HOLDS +WAITS$/);
    expect(row).toMatch(/^\d+ +active +to be revoked +127\.0\.0\.1 +\S+Z +\S+ +1 +0$/);
    const [id = ""] = row.split(" ");
    expect(await linesOf("revoke-session", id, ...WHY)).toEqual([`session ${id} is REVOKED`]);
    expect((await lock.lost).reason).toBe("SESSION_REVOKED");
    expect(await linesOf("sessions", "--ended")).toContainEqual(
      expect.stringMatching(new RegExp(`^${id} +revoked +to be revoked`)),
    );
    expect(await ask("revoke-session", "999999", ...WHY)).toMatchObject(failed(/NO_SUCH_SESSION/));
    expect(await ask("revoke-session", "me", ...WHY)).toMatchObject(wrong(/whole number/));
    const all = await linesOf("sessions", "--ended", "--json");
    expect(all.map((line) => JSON.parse(line).sessionId)).toContain(id);
  });
});

describe("lockstep request-release and locks", { timeout: TEST_TIMEOUT_MS }, () => {
  test("ask a holder, and show that it was asked, with what it publishes", async () => {
    const pool = clientOf("publisher");
    const lock = await pool.acquire("ask/k", {
      ...{ mode: "UPGRADABLE", value: "10.0.0.1:80", metadata: { zone: "a" } },
      maxHoldMs: 3_600_000,
    });
    expect(await linesOf("request-release", "ask/k", "--reason", "deploy")).toEqual([
      `asked hold ${lock.holdId}`,
    ]);
    const [, row = ""] = await linesOf("locks", "ask/");
    expect(row).toMatch(/^ask\/k +held +upgradable +publisher \(session \d+\) /);
    expect(row).toMatch(
      /value "10\.0\.0\.1:80"; zone=a; \S+ left; release asked by 127\.0\.0\.1: deploy$/,
    );
    expect(await linesOf("request-release", "ask/free")).toEqual(['nobody holds "ask/free"']);
    expect(await linesOf("request-release", "ask/k", "--token", "1")).toEqual([
      'nobody holds "ask/k" with token 1',
    ]);
    expect(await jsonOf("request-release", "ask/k")).toMatchObject({
      holdIds: [String(lock.holdId)],
    });
  });
});

describe("lockstep quarantine", { timeout: TEST_TIMEOUT_MS }, () => {
  test("lists and clears a key that was lost with onLoss quarantine", async () => {
    const { token } = await clientOf("lost").acquire("q/k", { onLoss: "quarantine" });
    expect(await linesOf("quarantine", "list")).toEqual(["Nothing is quarantined."]);
    await linesOf("force-release", "q/k", "--expected-token", String(token), ...WHY);
    const [heading, row] = await linesOf("quarantine", "list");
    expect(heading).toMatch(/^WHAT +NAME +SINCE +REVISION +WHY$/);
    expect(row).toMatch(/^key +q\/k +\S+Z +\d+ +lost by session \d+: FORCE_RELEASED$/);
    expect(await linesOf("locks", "q/")).toContainEqual(
      expect.stringMatching(/quarantined .* lost by FORCE_RELEASED, quarantined by revision \d+$/),
    );
    const stale = ["quarantine", "clear", "--key", "q/k", "--expected-revision", "999999", ...WHY];
    expect(await ask(...stale)).toMatchObject(failed(/VERSION_MISMATCH/));
    expect(await linesOf("quarantine", "clear", "--key", "q/k", ...WHY)).toEqual([
      "q/k is not quarantined any more",
    ]);
    expect(await ask("quarantine", "clear", "--key", "q/k", ...WHY)).toMatchObject(
      failed(/q\/k is not quarantined\n$/),
    );
  });

  test("denies a principal every lock until it is cleared", async () => {
    expect(await linesOf("quarantine", "add", "127.0.0.1", ...WHY)).toEqual([
      expect.stringMatching(/^127\.0\.0\.1 is quarantined by revision \d+$/),
    ]);
    await expect(clientOf("denied").acquire("q/denied")).rejects.toMatchObject({
      reason: "IDENTITY_QUARANTINED",
    });
    expect(await linesOf("quarantine", "list")).toContainEqual(
      expect.stringMatching(/^principal +127\.0\.0\.1 +\S+Z +\d+ +127\.0\.0\.1: a good reason$/),
    );
    await linesOf("quarantine", "clear", "--principal", "127.0.0.1", ...WHY);
    await (await clientOf("allowed").acquire("q/denied")).release();
    expect(await ask("quarantine", "clear", ...WHY)).toMatchObject(wrong(/--key or --principal/));
  });
});

describe("lockstep policy", { timeout: TEST_TIMEOUT_MS }, () => {
  test("sets, shows and removes the policy of a prefix", async () => {
    expect(await linesOf("policy", "get")).toEqual(["There are no policies."]);
    expect(
      await linesOf("policy", "set", "pool/", "--permits", "2", "--max-hold", "1h", ...WHY),
    ).toEqual(["the policies have version 1"]);
    expect(await linesOf("policy", "get", "pool/a")).toEqual([
      "PREFIX  POLICY",
      "pool/   max-hold 1h, permits 2",
    ]);
    expect(await linesOf("policy", "get", "other")).toEqual(["No policy is in force."]);
    await clientOf("permits").acquire("pool/a", { permits: 2 });
    expect(await linesOf("locks", "pool/")).toContainEqual(
      expect.stringMatching(/^pool\/a +held +2 permits /),
    );
    expect(await linesOf("policy", "get")).toContain("the policies have version 1");
    const late = ["policy", "remove", "pool/", "--expected-version", "0", ...WHY];
    expect(await ask(...late)).toMatchObject(failed(/VERSION_MISMATCH/));
    expect(await jsonOf("policy", "remove", "pool/", ...WHY)).toMatchObject({ version: "2" });
    expect(await jsonOf("policy", "get")).toMatchObject({ version: "2", policies: [] });
  });

  test("does not take bounds away, or remove nothing, by a slip", async () => {
    await linesOf("policy", "set", "slip/", "--max-waiters", "3", ...WHY);
    const unsaid = wrong(/give a bound, or else --unbounded/);
    expect(await ask("policy", "set", "slip/", ...WHY)).toMatchObject(unsaid);
    const both = ["policy", "set", "slip/", "--unbounded", "--max-waiters", "2", ...WHY];
    expect(await ask(...both)).toMatchObject(unsaid);
    expect(await ask("policy", "remove", "slip", ...WHY)).toMatchObject(
      failed(/there is no policy of "slip": lockstep policy get shows all/),
    );
    expect(await linesOf("policy", "get", "slip/a")).toContain("slip/   max-waiters 3");
    await linesOf("policy", "set", "slip/", "--unbounded", ...WHY);
    expect(await linesOf("policy", "get", "slip/a")).toHaveLength(2);
    await linesOf("policy", "remove", "slip/", ...WHY);
  });
});

describe("lockstep graph", { timeout: TEST_TIMEOUT_MS }, () => {
  test("shows who waits for whom, for people, for Graphviz and as JSON", async () => {
    expect(await linesOf("graph")).toEqual(["Nobody waits for anybody."]);
    const holder = clientOf("holder");
    const lock = await holder.acquire("graph/k", { owner: "red" });
    const waiting = clientOf("waiter").acquire("graph/k");
    for await (const { body } of holder.watch({ keys: ["graph/k"], afterRevision: lock.token })) {
      if (body.case === "lockQueued") break;
    }
    const [, row] = await linesOf("graph", "graph/");
    expect(row).toMatch(
      /^graph\/k +waiter \(session \d+\) +exclusive .* owner red holds, exclusive$/,
    );
    const dot = await linesOf("graph", "--format", "dot");
    expect(dot[0]).toBe("digraph waits {");
    expect(dot).toContainEqual(
      expect.stringMatching(/-> "\d+\/red" \[label="graph\/k \(exclusive\)"\];$/),
    );
    expect(await jsonOf("graph")).toMatchObject({
      waits: [{ waiter: { key: "graph/k", mode: `LOCK_MODE_${LockMode[LockMode.EXCLUSIVE]}` } }],
    });
    expect(await linesOf("graph", "none/")).toEqual(["Nobody waits for anybody."]);
    await lock.release();
    await (await waiting).release();
    expect(await ask("graph", "--format", "dot", "--json")).toMatchObject(
      wrong(/--json.*--format/),
    );
    expect(await ask("graph", "--format", "svg")).toMatchObject(wrong(/text, dot/));
  });
});

describe("lockstep namespaces", { timeout: TEST_TIMEOUT_MS }, () => {
  test("are made, listed and changed, and commands are about the one that is named", async () => {
    expect(
      await linesOf("namespaces", "create", "team a", "--ordering", "ascending", ...WHY),
    ).toEqual(["team a has version 1 of its settings: ordering ascending, quarantine never"]);
    expect(
      await linesOf("namespaces", "update", "team a", "--quarantine-after", "3", ...WHY),
    ).toEqual([
      "team a has version 2 of its settings: ordering ascending, quarantine after 3 losses within 10m",
    ]);
    const lines = await linesOf("namespaces", "list");
    expect(lines[0]).toMatch(/^NAMESPACE +EPOCH +REVISION +VERSION +SETTINGS$/);
    expect(lines[1]).toMatch(/^default +1 +\d+ +0 +ordering none, quarantine never$/);
    expect(lines[2]).toMatch(/^team a +1 +3 +2 +ordering ascending, /);
    await clientOf("there", "team a").acquire("k");
    expect(await linesOf("locks", "--namespace", "team a")).toContainEqual(
      expect.stringMatching(/^k +held /),
    );
    expect(await ask("namespaces", "create", "team a", ...WHY)).toMatchObject(
      failed(/NAMESPACE_EXISTS/),
    );
    expect(await jsonOf("namespaces", "update", "team a", "--no-quarantine", ...WHY)).toMatchObject(
      {
        namespace: {
          version: "3",
          settings: { quarantineAfterLosses: 0, quarantineWindowMs: "0" },
        },
      },
    );
    expect(await ask("namespaces", "update", "team a", ...WHY)).toMatchObject(
      wrong(/what to change/),
    );
    const alone = ["namespaces", "create", "b", "--quarantine-window", "1m", ...WHY];
    expect(await ask(...alone)).toMatchObject(wrong(/--quarantine-window needs/));
  });
});
