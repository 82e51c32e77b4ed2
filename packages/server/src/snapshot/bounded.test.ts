import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeSnapshot } from "@lockstep/core";
import { DEFAULT_LIMITS } from "@lockstep/protocol";
import { afterEach, expect, test } from "vitest";
import type { Executor } from "../executor/executor.ts";
import { openNamespace } from "../executor/open-namespace.ts";
import { openSqliteJournal } from "../journal/sqlite/sqlite-journal.ts";
import { systemClock } from "../ports/clock.ts";
import { coreCodec } from "./core-codec.ts";
import { MakerThreads } from "./maker-threads.ts";
import { rebuildState, type StateSource, sourceOf } from "./rebuild.ts";
import { Churn } from "./testing-support/churn.ts";
import { ShadowedJournal } from "./testing-support/shadowed-journal.ts";
import { ThreadMaker } from "./thread-maker.ts";

const LIMITS = { ...DEFAULT_LIMITS, max_ended_sessions: 50, min_free_bytes: 1 };
const POLICY = { snapshotEvents: 1_000, historyEvents: 500, historyAgeMs: 1e12 };

const PARTS = 8;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

interface Served {
  readonly journal: ShadowedJournal;
  readonly executor: Executor;
  readonly notices: string[];
  close(): Promise<void>;
}

/** A namespace on a real journal, whose snapshots a real thread makes. */
async function serve(folder: string, before?: ShadowedJournal): Promise<Served> {
  const journal = new ShadowedJournal(await openSqliteJournal({ folder }), before);
  const notices: string[] = [];
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
      maker: new ThreadMaker(LIMITS, new MakerThreads()),
      onNotice: (sentence) => notices.push(sentence),
    },
    onStopped: (error) => notices.push(error.message),
  });
  executor.start();
  const close = async () => {
    executor.close();
    await journal.close();
  };
  return { journal, executor, notices, close };
}

async function encoded(source: StateSource): Promise<Buffer> {
  const { state } = await rebuildState(source, LIMITS, coreCodec);
  return Buffer.concat([...encodeSnapshot(state)]);
}

function sizeOf(folder: string): number {
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  return sizes.reduce((sum, size) => sum + size, 0);
}

test("endless load leaves the journal bounded, and a restart finds everything live [REC-12]", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-bounded-"));
  folders.push(folder);
  let served = await serve(folder);
  const churn = new Churn(served.executor);
  await churn.begin(5);
  const sizes: number[] = [];
  for (let part = 0; part < PARTS; part += 1) {
    const { tail } = served.journal.state();
    for (let round = 0; round < 10; round += 1) await churn.round(10, 20);
    // The load is far above what a machine sees for long: let the snapshots come up with it.
    while ((served.journal.state().snapshot ?? 0n) < tail) await churn.round(1, 1);
    const { snapshot = 0n, floor, base } = served.journal.state();
    expect(base <= floor && floor <= snapshot).toBe(true);
    sizes.push(sizeOf(folder));
  }
  expect(served.notices).toEqual([]);
  expect(served.journal.state().tail).toBeGreaterThan(30_000n);
  expect(served.journal.state().floor).toBeGreaterThan(20_000n);
  expect(sizes.at(-1)).toBeLessThan(1.5 * (sizes[PARTS / 2] ?? 0));

  // The state from the snapshot and what follows is that of all the events there ever were.
  await served.close();
  const before = served.journal;
  served = await serve(folder, before);
  const { tail: reopened, snapshot } = served.journal.state();
  const whole = await encoded(served.journal.sourceUpTo(reopened));
  expect((await encoded(await sourceOf(served.journal))).equals(whole)).toBe(true);
  expect(snapshot).toBeGreaterThan(20_000n);
  const counters = served.executor.info().counters;
  expect([counters?.holds, counters?.waiters]).toEqual([5n, 5n]);
  await served.close();
});
