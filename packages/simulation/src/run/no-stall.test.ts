import { expect, test } from "vitest";
import type { Action, Config, Plan } from "../plan/config.ts";
import { PLAIN_DATASET } from "../plan/draw-replication.ts";
import { simulate } from "./simulate.ts";

const CLOCK = { rate: 1, monotonicMs: 0, wallOffsetMs: 0, sleepStopsMonotonic: false };
const CONFIG: Config = {
  durationMs: 30_000,
  clients: [{ ttlMs: 15_000, attach: true, clock: CLOCK }],
  replicas: Array.from({ length: 3 }, () => ({
    clock: CLOCK,
    diskMs: 1,
    parks: false,
    attach: true,
  })),
  dataset: PLAIN_DATASET,
  serverClock: CLOCK,
  network: { delayMs: 1, jitterMs: 0, spikeProbability: 0, spikeMs: 500, turnsToHandOn: 0 },
  disk: { latencyMs: 1, jitterMs: 0 },
  upkeep: { snapshotEvents: 0, historyEvents: 0 },
  timerLateMs: 0,
  restartAfterMs: 50,
};
const WRITES = 30;

test("one dead and one slow replica of three keep no append from being replicated to one", async () => {
  const write = { changes: 1, deletes: false, bytes: 3, all: false, timeoutMs: 500 };
  const once = { again: false, since: false, poison: false, key: -1 };
  const append = (atMs: number, quorum: number): Action => ({
    atMs,
    kind: "append",
    client: 0,
    quorum,
    ...write,
    ...once,
  });
  const actions: Action[] = [
    append(500, 0),
    { atMs: 5_000, kind: "killReplica", replica: 0, machineToo: true, backAfterMs: 60_000 },
    { atMs: 5_000, kind: "slowReplica", replica: 1, diskMs: 4_000 },
    ...Array.from({ length: WRITES }, (_, at) => append(6_000 + at * 700, 1)),
  ];
  const plan: Plan = { seed: 1, config: CONFIG, actions };
  const { violation, marks } = await simulate(plan);
  expect(violation).toBeUndefined();
  expect(marks.get("quorum reached")).toBe(WRITES);
  expect(marks.get("append: APPENDED_NOT_REPLICATED")).toBeUndefined();
});
