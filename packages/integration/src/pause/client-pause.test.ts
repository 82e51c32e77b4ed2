// A client that stands still while it holds a lock, for longer than its session lives.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client, Lock } from "@lockstep/client";
import { expect, onTestFailed, onTestFinished, test } from "vitest";
import { allEvents } from "../history/all-events.ts";
import { LockHistory } from "../history/lock-history.ts";
import { ChildProgram } from "../processes/child-program.ts";
import { clientForTest, serverForTest } from "../world.ts";
import { type GuardedResource, guardedResource } from "./guarded-resource.ts";
import { type Care, cares, SEQUENCER_HEADER } from "./holding.ts";

const program = join(import.meta.dirname, "holder.ts");

interface Paused {
  readonly holder: ChildProgram;
  readonly sequencer: string;
  readonly successor: Lock;
}

test("a paused holder knows that it lost the lock before its first step after the pause [SES-53, LOCK-140, LOCK-145]", async () => {
  const server = await serverForTest();
  const resource = await resourceForTest();
  const client = clientForTest(server);
  const paused = await Promise.all(
    cares.map((care) => pausedHolder(server.address, client, resource, care)),
  );
  for (const { holder } of paused) holder.resume();
  for (const [index, { holder, sequencer, successor }] of paused.entries()) {
    expect([cares[index], await holder.nextLine()]).toEqual([
      cares[index],
      expect.stringMatching(/^stopped (LockLostError|Error)$/),
    ]);
    expect(await holder.nextLine()).toBe("DEADLINE_PASSED true LOST");
    expect(await holder.ended).toEqual({ code: 0, signal: null });
    expect(resource.admitted).not.toContain(sequencer);
    successor.assertHeld();
  }
  const history = new LockHistory(await allEvents(client));
  expect(history.violations).toEqual([]);
  expect(history.lost.size).toBe(cares.length);
});

test("the late write of a holder that was paused is refused by the resource [LOCK-132]", async () => {
  const server = await serverForTest();
  const resource = await resourceForTest();
  const client = clientForTest(server);
  const { holder, sequencer, successor } = await pausedHolder(
    ...[server.address, client, resource, "none" as const],
  );
  const headers = { [SEQUENCER_HEADER]: successor.sequencer };
  expect((await fetch(resource.url, { method: "POST", headers })).status).toBe(200);
  holder.resume();
  expect(await holder.nextLine()).toBe("written 409");
  expect(resource.admitted).toEqual([successor.sequencer]);
  expect(resource.refused).toEqual([sequencer]);
  successor.assertHeld();
});

/** A program that was granted the lock and paused, until another was granted it with a higher token. */
async function pausedHolder(
  address: string,
  client: Client,
  resource: GuardedResource,
  care: Care,
): Promise<Paused> {
  const key = `paused/${care}`;
  const folder = mkdtempSync(join(tmpdir(), "lockstep-holder-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const sign = join(folder, "paused");
  const holder = new ChildProgram("holder", [program, address, key, resource.url, care, sign]);
  onTestFinished(async () => {
    await holder.kill();
  });
  onTestFailed(() => console.error(holder.log));
  const sequencer = await holder.nextLine();
  await holder.pause();
  writeFileSync(sign, "");
  const successor = await client.acquire(key);
  expect(successor.token).toBeGreaterThan(BigInt(sequencer.split("/").at(-1) ?? ""));
  return { holder, sequencer, successor };
}

async function resourceForTest(): Promise<GuardedResource> {
  const resource = await guardedResource();
  onTestFinished(() => resource.close());
  return resource;
}
