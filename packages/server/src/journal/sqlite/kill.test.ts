import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { Store } from "./store.ts";
import { recordsOf } from "./store-fixture.ts";

const KILLS = 5;
const ACKNOWLEDGEMENTS = 300;

test("kill -9 in the middle of appends loses none that was acknowledged [REC-2]", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-kill-"));
  for (let round = 0; round < KILLS; round += 1) {
    const acknowledged = await appendUntilKilled(folder);
    const store = new Store({ folder });
    const { tail } = store.state();
    expect(tail).toBeGreaterThanOrEqual(acknowledged);
    const revisions = recordsOf(store).map(({ revision, text }) => [revision, text]);
    const expected = Array.from({ length: Number(tail) }, (_, index) => [
      BigInt(index + 1),
      `event ${index + 1}`,
    ]);
    expect(revisions).toEqual(expected);
    store.close();
  }
  rmSync(folder, { recursive: true });
});

test("kill -9 in the middle of snapshots and compaction loses nothing that they need [REC-2] [REC-13]", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-kill-"));
  const bases: bigint[] = [];
  for (let round = 0; round < KILLS; round += 1) {
    const acknowledged = await appendUntilKilled(folder, upkeep());
    const store = new Store({ folder });
    const { tail, base, snapshot = 0n } = store.state();
    expect(tail).toBeGreaterThanOrEqual(acknowledged);
    expect(base).toBeLessThanOrEqual(snapshot);
    bases.push(base);
    const revisions = recordsOf(store).map(({ revision, text }) => [revision, text]);
    const expected = Array.from({ length: Number(tail - base) }, (_, index) => {
      const revision = base + BigInt(index + 1);
      return [revision, `event ${revision}`];
    });
    expect(revisions).toEqual(expected);
    const head = store.snapshotHead();
    const last = head && store.readChunk(head.firstChunk + head.chunks - 1n, head.firstChunk);
    expect(Buffer.from(last ?? []).toString()).toBe(snapshot === 0n ? "" : `state ${snapshot}`);
    store.close();
  }
  expect(bases.at(-1)).toBeGreaterThan(0n);
  rmSync(folder, { recursive: true });
});

/** Kills a process that appends without pause, and returns the last revision it had acknowledged. */
async function appendUntilKilled(folder: string, beside = ""): Promise<bigint> {
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", appender() + beside, folder],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const ended = once(child, "exit");
  let last = 0n;
  let count = 0;
  for await (const line of createInterface(child.stdout)) {
    last = BigInt(line);
    count += 1;
    if (count === ACKNOWLEDGEMENTS) child.kill("SIGKILL");
  }
  expect(await ended).toEqual([null, "SIGKILL"]);
  return last;
}

/** Keeps several appends under way through the worker thread and prints what settles. */
function appender(): string {
  const module = (name: string) => JSON.stringify(join(import.meta.dirname, name));
  return `
    import { encodeBatch } from ${module("encoding.ts")};
    import { JournalThread } from ${module("journal-thread.ts")};
    const { thread, state } = await JournalThread.open({ folder: process.argv[1] });
    let revision = state.tail;
    async function appendForever() {
      for (;;) {
        const mine = ++revision;
        const record = { revision: mine, bytes: Buffer.from("event " + mine), keys: ["key"] };
        await thread.append(encodeBatch({ epoch: 1n, records: [record] }, 0n));
        process.stdout.write(mine + "\\n");
      }
    }
    for (let lane = 0; lane < 8; lane += 1) appendForever();`;
}

/** Makes snapshots and compacts beside it, without pause. */
function upkeep(): string {
  return `
    for (let made = 0n; ; ) {
      const { state } = await thread.run({ kind: "snapshotHead" });
      if (state.tail === made) continue;
      made = state.tail;
      await thread.run({ kind: "beginSnapshot" });
      for (let chunk = 0; chunk < 3; chunk += 1) {
        await thread.run({ kind: "addChunk", bytes: new Uint8Array(20_000) });
      }
      await thread.run({ kind: "addChunk", bytes: Buffer.from("state " + made) });
      await thread.run({ kind: "endSnapshot", position: { revision: made, epoch: 1n } });
      await thread.run({ kind: "compact", floor: made });
    }`;
}
