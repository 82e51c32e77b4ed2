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

/** Kills a process that appends without pause, and returns the last revision it had acknowledged. */
async function appendUntilKilled(folder: string): Promise<bigint> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", appender(), folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
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
