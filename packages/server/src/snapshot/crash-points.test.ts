import { encodeSnapshot } from "@lockstep/core";
import { DEFAULT_LIMITS } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { openNamespace } from "../executor/open-namespace.ts";
import {
  MemoryJournal,
  type MemoryJournalCall,
  type MemoryJournalFault,
} from "../journal/memory.ts";
import { systemClock } from "../ports/clock.ts";
import { coreCodec } from "./core-codec.ts";
import { InProcessMaker } from "./maker.ts";
import { rebuildState, type StateSource, sourceOf } from "./rebuild.ts";
import { Churn } from "./testing-support/churn.ts";
import { ShadowedJournal } from "./testing-support/shadowed-journal.ts";

const LIMITS = { ...DEFAULT_LIMITS, max_ended_sessions: 3 };
const POLICY = { snapshotEvents: 30, historyEvents: 10, historyAgeMs: 1e12 };
const ROUNDS = 8;

/** A namespace whose journal fails at its nth call, in this way; what becomes of the journal. */
async function runUntil(failAt: number, fault: MemoryJournalFault) {
  const memory = new MemoryJournal();
  const made: string[] = [];
  const journal = new ShadowedJournal(memory, undefined, (name) => {
    made.push(name);
    if (made.length === failAt) memory.failNext(fault, name as MemoryJournalCall);
  });
  const stopped: Error[] = [];
  const executor = await openNamespace({
    name: "default",
    clusterId: "cluster",
    node: "node-1",
    clock: systemClock,
    journal,
    limits: LIMITS,
    serverVersion: "test",
    upkeep: {
      policy: POLICY,
      maker: new InProcessMaker(LIMITS, coreCodec, systemClock),
      onNotice: (sentence) => stopped.push(new Error(sentence)),
    },
    onStopped: (error) => stopped.push(error),
  });
  executor.start();
  const churn = new Churn(executor);
  try {
    await churn.begin(2);
    for (let round = 0; round < ROUNDS; round += 1) await churn.round(2, 2);
  } catch (error) {
    // Once the namespace has stopped, what was under way is answered by nobody.
    if (stopped.length === 0) throw error;
  }
  executor.close();
  return { journal, after: memory.crash(), made, stopped };
}

async function encoded(source: StateSource): Promise<Buffer> {
  const { state } = await rebuildState(source, LIMITS, coreCodec);
  return Buffer.concat([...encodeSnapshot(state)]);
}

test("stopped at any call of the journal, in any way, what is recovered is what was durable [REC-2] [REC-12]", async () => {
  const { made } = await runUntil(0, "not-written");
  const kinds = new Map<string, number>();
  for (const name of made) kinds.set(name, (kinds.get(name) ?? 0) + 1);
  expect([...kinds.keys()].sort()).toEqual(["append", "compact", "writeSnapshot"]);
  expect(kinds.get("writeSnapshot")).toBeGreaterThan(1);
  let compacted = 0;
  // The first call begins the epoch: a namespace that cannot do so does not open.
  for (let failAt = 2; failAt <= made.length; failAt += 1) {
    for (const fault of ["written", "not-written", "torn"] as const) {
      const { journal, after, stopped } = await runUntil(failAt, fault);
      const name = `${fault} at call ${failAt}, ${made[failAt - 1]}`;
      expect(stopped.length, name).toBeLessThanOrEqual(1);
      const { tail, base, snapshot = 0n } = after.state();
      if (base > 0n) compacted += 1;
      expect(base <= snapshot && snapshot <= tail, name).toBe(true);
      const whole = await encoded(journal.sourceUpTo(tail));
      expect((await encoded(await sourceOf(after))).equals(whole), name).toBe(true);
    }
  }
  expect(compacted).toBeGreaterThan(10);
});
