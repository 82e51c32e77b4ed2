import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "@lockstep/client/node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CliProcess, lockstep } from "../testing-support/cli-process.ts";
import { CliServer, type TestFolder, testFolder } from "../testing-support/cli-server.ts";

const TEST_TIMEOUT_MS = 60_000;

let folder: TestFolder;
let data: string;
let backup: string;
const started: CliProcess[] = [];
beforeEach(() => {
  folder = testFolder();
  data = join(folder.path, "data");
  backup = join(folder.path, "backup");
});
afterEach(async () => {
  for (const process of started.splice(0)) await process.kill();
  folder.remove();
});

async function serve(...flags: string[]): Promise<CliServer> {
  const server = await CliServer.start(["--data", data, ...flags]);
  started.push(server.process);
  return server;
}

/** Takes a lock that stays held when the server ends. */
async function hold(server: CliServer, key: string): Promise<bigint> {
  const client = connect({ address: server.address, ttlMs: 60_000, unref: true });
  return (await client.acquire(key)).token;
}

describe("verify, backup and restore", { timeout: TEST_TIMEOUT_MS }, () => {
  test("bring a lock from a running server into another data folder", async () => {
    const server = await serve("--snapshot-events", "1", "--history-events", "0");
    const token = await hold(server, "orders");
    const backedUp = await lockstep(["backup", "--data", data, "--to", backup]);
    expect(backedUp).toMatchObject({ code: 0, stderr: "" });
    expect(backedUp.stdout).toMatch(/^NAMESPACE +REVISION +EPOCH +BYTES\ndefault +\d+ +1 +\d+\n/);
    await hold(server, "later");
    expect(await lockstep(["verify", "--data", data])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("is in use by another server"),
    });
    await server.stop();

    const verified = await lockstep(["verify"], { variables: { LOCKSTEP_DATA: data } });
    expect(verified).toMatchObject({ code: 0, stderr: "" });
    expect(verified.stdout).toContain(`The data in ${data} is whole.`);
    const restored = join(folder.path, "restored");
    const told = await lockstep(["restore", "--from", backup, "--data", restored]);
    expect(told).toMatchObject({ code: 0, stderr: "" });
    const [, next = ""] = /^start it {4}(.*)$/m.exec(told.stdout) ?? [];
    expect(next).toMatch(/ serve --data \S+restored --new-lineage$/);

    data = restored;
    const again = await serve("--new-lineage", "--dev");
    const client = connect({ address: again.address });
    const { lock } = await client.getLock("orders");
    expect(lock?.holders.map((holder) => holder.token)).toEqual([token]);
    expect((await client.getLock("later")).lock?.holders ?? []).toEqual([]);
    await client.close();
  });

  test("say the same in one line of JSON", async () => {
    const server = await serve();
    const token = await hold(server, "orders");
    await server.stop();
    const restored = join(folder.path, "with space");
    const outputs: Record<string, unknown>[] = [];
    for (const args of [
      ["verify", "--data", data],
      ["backup", "--data", data, "--to", backup],
      ["verify", "--data", backup],
      ["restore", "--from", backup, "--data", restored],
    ]) {
      const { code, stdout, stderr } = await lockstep([...args, "--json"]);
      expect([code, stderr, stdout.split("\n").length]).toEqual([0, "", 2]);
      outputs.push(JSON.parse(stdout));
    }
    const [verified, backedUp, verifiedBackup, restoredData] = outputs;
    const clusterId = verified?.clusterId;
    const copies = (backedUp?.namespaces ?? []) as { revision: string }[];
    const revision = copies[0]?.revision ?? "";
    expect(BigInt(revision)).toBeGreaterThanOrEqual(token);
    expect(verified).toMatchObject({
      folder: data,
      isBackup: false,
      namespaces: [
        { namespace: "default", revision, epoch: "1", floor: "0", holds: 1, sessions: 1 },
      ],
    });
    const copied = [{ namespace: "default", revision, epoch: "1", bytes: expect.any(Number) }];
    expect(backedUp).toEqual({ folder: backup, clusterId, namespaces: copied });
    expect(verifiedBackup).toMatchObject({ isBackup: true, namespaces: [{ revision, holds: 1 }] });
    expect(restoredData).toEqual({
      folder: restored,
      clusterId,
      namespaces: copied,
      next: expect.stringMatching(/ serve --data '\/.*with space' --new-lineage$/),
    });
  });

  test("refuse damaged data in one sentence and leave nothing behind", async () => {
    const server = await serve();
    await hold(server, "orders");
    await server.stop();
    const file = join(data, "namespaces", "default", "journal.db");
    const spoilt = readFileSync(file);
    spoilt.write("ordinal", spoilt.indexOf("orders"));
    writeFileSync(file, spoilt);
    for (const args of [
      ["verify", "--data", data],
      ["backup", "--data", data, "--to", backup],
    ]) {
      expect(await lockstep(args)).toMatchObject({
        code: 3,
        stdout: "",
        stderr: expect.stringMatching(
          /^lockstep: The journal file .*journal\.db is damaged: .*\n$/,
        ),
      });
    }
    expect(existsSync(backup)).toBe(false);
    expect(readFileSync(file).equals(spoilt)).toBe(true);
  });

  test.each([
    [["verify", "--data", "nowhere"], 3, "There is no data of a server in"],
    [["backup", "--data", "nowhere", "--to", "b"], 3, "There is no data of a server in"],
    [["backup"], 2, "required option '--to <FOLDER>'"],
    [["restore", "--data", "r"], 2, "required option '--from <FOLDER>'"],
    [["restore", "--from", "nowhere", "--data", "r"], 3, "There is no data of a server in"],
    [["verify", "this"], 2, "too many arguments"],
  ])("%j ends with code %i", async (args, code, sentence) => {
    const ended = await lockstep(args, { folder: folder.path });
    expect(ended).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(sentence) });
    expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});
