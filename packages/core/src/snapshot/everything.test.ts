import { create } from "@bufbuild/protobuf";
import {
  DriftAction,
  DriftReportSchema,
  LockMode,
  LockOrdering,
  OnLossAction,
  ReplicaState,
  ReportDriftRequestSchema,
} from "@lockstep/protocol";
import { expect, it } from "vitest";
import { positionMessage } from "../dataset/position.ts";
import type { NamespaceState } from "../state/state.ts";
import { type Client, forceRelease, open, revoke, setPolicy } from "../testing-support/client.ts";
import {
  append,
  createDataset,
  datasetIn,
  del,
  Follower,
  LOCAL,
  NAME,
  put,
  updateDataset,
} from "../testing-support/dataset/dataset-client.ts";
import { expectSameState, replayed } from "../testing-support/durable.ts";
import { convert, setValue, transfer } from "../testing-support/holding.ts";
import { configure, quarantineIdentity, requestRelease } from "../testing-support/operator.ts";
import { World } from "../testing-support/world.ts";
import { decodeSnapshot } from "./decode.ts";
import { stateDigest } from "./digest.ts";
import { encodeSnapshot } from "./encode.ts";

const { EXCLUSIVE, SHARED, UPGRADABLE } = LockMode;
const WAIT = { waitMs: 60_000 };
const VALUE = Uint8Array.of(1, 2, 3);

/** What an Acquire can say of its hold, none of it left at its default. */
const TERMS = {
  owner: "worker",
  correlationId: "trace",
  maxHoldMs: 3_000_000,
  onLoss: OnLossAction.DELAY,
  delayMs: 900_000,
  value: VALUE,
  metadata: { job: "17", host: "h" },
};

/** A namespace in which every record of a snapshot occurs, with no field at its default. */
function everything(): World {
  const world = new World({ grantPauseMs: 1_000 });
  world.advance(1_000);
  configure(world, {
    ordering: LockOrdering.ASCENDING,
    quarantineAfterLosses: 5,
    quarantineWindowMs: 60_000n,
  });
  const bounds = { maxHoldMs: 3_500_000, lockDelayMs: 1_000, maxWaiters: 9, maxWaitMs: 99_000 };
  setPolicy(world, { keyPrefix: "p", permits: 3, ...bounds });
  setPolicy(world, { keyPrefix: "a", ...bounds });
  const ann = open(world, { displayName: "Ann", metadata: { b: "2", a: "1" }, ttlMs: 3_000_000 });
  const ben = open(world, { principal: "ben", ttlMs: 3_000_000 });
  holdAndWait(world, ann, ben);
  outcomes(ann);
  for (const who of ["eve", "dan"]) {
    const lost = open(world, { principal: who });
    lost.lock(`of ${who}`, { ...TERMS, onLoss: OnLossAction.QUARANTINE });
    revoke(world, lost.id);
  }
  quarantineIdentity(world, "mallory");
  datasets(world);
  world.advance(10_000);
  ann.lock("later", { ...TERMS, owner: "l" });
  forceRelease(world, "also later", ann.lock("also later", { ...TERMS, owner: "m" }).token);
  const [early, late] = [open(world), open(world)];
  late.close();
  early.close();
  return world;
}

/** Two datasets, one of them with rows, a checkpoint, a floor and a replica that has found drift. */
function datasets(world: World): void {
  createDataset(world, { fenceKey: "a", defaultDurability: LOCAL, minInSync: 1 });
  append(world, [put("x", "1", { idempotencyKey: "k" }), put("y", "2"), del("x")]);
  world.advance(10_000);
  const { id: datasetId, head } = datasetIn(world);
  const unwanted = { floor: positionMessage(head), droppedSeq: 2n };
  world.reply({ kind: "trimLog", datasetId, unwanted });
  updateDataset(world, { fenceKey: "b", maxBytes: 99n });
  const follower = new Follower(world, "mirror");
  follower.ack();
  const { name: replica, generation } = follower;
  const report = create(DriftReportSchema, { badBuckets: 1, action: DriftAction.REPAIRED });
  const content = { dataset: NAME, replica, generation, reportNumber: 1n, report };
  const request = create(ReportDriftRequestSchema, content);
  world.reply({ kind: "reportDrift", principal: "mirror", request });
  createDataset(world, {}, "another");
}

/** Live holds, past ones, tickets of both kinds and delays. */
function holdAndWait(world: World, ann: Client, ben: Client): void {
  const held = ann.lock(
    [
      { key: "a", mode: UPGRADABLE },
      { key: "b", mode: UPGRADABLE },
    ],
    TERMS,
  );
  const converted = convert(ann, held, "b", EXCLUSIVE);
  if (converted.case !== "granted") throw new Error("not converted");
  requestRelease(world, "a", 0n, "wanted elsewhere");
  ben.lock("a", { mode: SHARED });
  convert(ann, converted.value, "a", EXCLUSIVE, { ...WAIT, deadlockPriority: 4 });
  ben.queue("a", { ...TERMS, deadlockPriority: 3, owner: "waiter" });
  ann.release(ann.lock("z1", { ...TERMS, owner: "x" }));
  forceRelease(world, "z2", ann.lock("z2", { ...TERMS, owner: "y" }).token);
  const given = ann.lock("z3", { ...TERMS, owner: "z" });
  ben.queue("z3", { requestId: 70n });
  transfer(ann, given, ben.id, 70n);
}

/** One outcome of each kind, and something confirmed. */
function outcomes(ann: Client): void {
  const held = ann.lock("v", { owner: "v", answered: [[1n, 2n], 4n] });
  const granted = ann.lastRequestId;
  setValue(ann, held, VALUE);
  ann.acquire("v");
  ann.release({ holdId: 1n, token: 1n });
  ann.cancel(500n);
  ann.cancel(granted);
  setValue(ann, { holdId: 1n, token: 1n }, VALUE);
  ann.lock("w", { owner: "w", reentrancy: 2 });
  ann.acquire("w", { owner: "w", reentrancy: 2 });
}

function outcomesOf({ sessions }: NamespaceState): unknown {
  return [...sessions.values()].map(({ id, outcomes: all, answered }) => [
    id,
    new Map([...all].sort(([a], [b]) => Number(a - b))),
    answered.toRanges(),
  ]);
}

it.each(["decides", "was rebuilt"])(
  "A snapshot of a state that %s gives everything back",
  (how) => {
    const world = everything();
    const { limits } = world.state;
    const whole = how === "decides" ? world.state : replayed(world.events, limits);
    const restored = decodeSnapshot(encodeSnapshot(whole), limits);
    expectSameState(whole, restored);
    expect(outcomesOf(restored)).toEqual(outcomesOf(whole));
    expect([...restored.endedSessions]).toEqual([...whole.endedSessions]);
    expect([...restored.lossesByPrincipal]).toEqual([...whole.lossesByPrincipal]);
    expect(restored.holdTimes.averageMs).toBe(whole.holdTimes.averageMs);
    expect(stateDigest(restored)).toBe(stateDigest(whole));
  },
);

it("A snapshot of everything holds each kind of thing", () => {
  const { state } = everything();
  expect(state.datasets.values()).toMatchObject([
    { name: "another", checkpoint: undefined, head: { seq: 0n } },
    {
      name: NAME,
      head: { seq: 4n },
      checkpoint: { seq: 4n },
      floor: { seq: 3n },
      droppedSeq: 2n,
      policyVersion: 2n,
    },
  ]);
  const replica = state.datasets.get(NAME)?.replicas.get("mirror");
  expect(replica).toMatchObject({ state: ReplicaState.OK, reportNumber: 1n });
  expect(replica?.lastDrift?.badBuckets).toBe(1);
  const counts = { holds: 6, tickets: 2, delays: 4, quarantinedKeys: 2, quarantinedIdentities: 1 };
  for (const [name, count] of Object.entries(counts))
    expect(state[name as keyof typeof counts].size, name).toBe(count);
  expect(state.lossesByPrincipal.size).toBe(2);
  expect(state.servedMs).toBeGreaterThan(0);
  expect([...state.delays.values()].map(({ servedFromMs }) => servedFromMs)).toContain(undefined);
  const kinds = [...state.sessions.values()].flatMap(({ outcomes: all }) =>
    [...all.values()].map(({ result }) => result.kind),
  );
  expect(new Set(kinds)).toEqual(
    new Set([
      "waiting",
      "granted",
      "transferred",
      "denied",
      "notHeld",
      "release",
      "cancel",
      "refused",
      "valueSet",
    ]),
  );
});
