import type { Event, Limits } from "@lockstep/protocol";
import { expect } from "vitest";
import { apply } from "../apply/apply.ts";
import type { Dataset, ReplicaRecord } from "../dataset/dataset.ts";
import type { Delay } from "../state/delay.ts";
import type { Hold } from "../state/hold.ts";
import { IdRanges } from "../state/id-ranges.ts";
import type { SessionRecord } from "../state/session.ts";
import { NamespaceState } from "../state/state.ts";
import { stored, World } from "./world.ts";

/** The state that the events of a journal give, read back from their bytes. */
export function replayed(
  events: readonly Event[],
  limits: Limits,
  state = new NamespaceState(limits),
): NamespaceState {
  for (const event of events) apply(state, stored(event));
  return state;
}

/** A world with ordinary limits that starts on the journal of another, which may have been cut off. */
export function recoveredFrom(batches: readonly (readonly Event[])[]): World {
  const world = new World();
  world.batches = batches.map((batch) => [...batch]);
  world.durableRevision = batches.at(-1)?.at(-1)?.revision ?? 0n;
  world.restart();
  return world;
}

/** Compares a live state with its replay: everything must agree but what is volatile. */
export function expectSameState(live: NamespaceState, replay: NamespaceState): void {
  expect(durableOf(replay)).toEqual(durableOf(live));
  for (const session of live.sessions.values()) {
    const again = replay.sessions.get(session.id) as SessionRecord;
    expectSameAnswered(session, again);
    expectSameOutcomes(session, again);
  }
}

/** Everything a state knows from its events, in a form that can be compared. */
function durableOf(state: NamespaceState): unknown {
  const {
    sessions,
    sessionsBySecret,
    keys,
    holds,
    tickets,
    delays,
    policies,
    uncountedHolds,
    uncountedDelays,
    doomed,
    // Volatile, or not of the state.
    due: _due,
    freed: _freed,
    epochStartedAtMs: _started,
    servedBeforeMs: _before,
    isServedTimeDue: _isDue,
    grantsFromMs: _from,
    limits: _limits,
    sha256: _sha256,
    replicationWaits: _waits,
    settledWaits: _settled,
    nextWaitId: _wait,
    nextSubscriptionId: _subscription,
    nextSnapshotId: _snapshot,
    datasets,
    ...plain
  } = state;
  return {
    ...plain,
    secrets: [...sessionsBySecret].map(([secret, { id }]) => [secret, id]),
    sessions: [...sessions.values()].map(durableSession),
    keys: new Map(
      [...keys].map(([key, record]) => [
        key,
        {
          ...record,
          holds: record.holds.map(({ id }) => id),
          delays: record.delays.map(({ hold }) => hold.id),
          queue: [...record.queue.values()].map(({ id }) => id),
          convert: record.convert?.id,
        },
      ]),
    ),
    holds: [...holds.values()].map(durableHold),
    tickets: [...tickets.values()].map(({ deadlineMs: _, ...ticket }) => ticket),
    delays: [...delays.values()].map(durableDelay),
    // Between two events of a step the same ones are doomed, found in another order.
    doomed: new Map(doomed),
    policies: new Set(policies.values()),
    uncountedHolds: new Set([...uncountedHolds].map(({ id }) => id)),
    uncountedDelays: new Set([...uncountedDelays].map(({ hold }) => hold.id)),
    datasets: datasets.values().map(durableDataset),
  };
}

function durableDataset(dataset: Dataset): unknown {
  const { digest, hasher: _hasher, replicas, ...others } = dataset;
  const { holds: _holds, waits: _waits, headTimes: _times, ...rest } = others;
  const { uncheckedSinceMs: _since, checkpointReminderMs: _c, leaseReminderMs: _l, ...kept } = rest;
  return {
    ...kept,
    buckets: digest.toBytes(),
    root: digest.root(),
    replicas: new Map([...replicas].map(([name, replica]) => [name, durableReplica(replica)])),
  };
}

function durableReplica(replica: ReplicaRecord): unknown {
  const {
    subscriptionId: _id,
    appliedSeq: _a,
    verifiedSeq: _v,
    leaseUntilMs: _l,
    ...kept
  } = replica;
  return kept;
}

function durableSession(session: SessionRecord): unknown {
  const { holds, tickets, delays, released, lost, ownedKeys, news, ...others } = session;
  const {
    outcomes: _o,
    answered: _a,
    answeredPending: _p,
    answeredOverflows: _f,
    renewedAtMs: _r,
    ...rest
  } = others;
  return {
    ...rest,
    holds: [...holds.keys()],
    tickets: [...tickets.keys()],
    delays: [...delays.keys()],
    released: [...released.values()],
    lost: [...lost.values()].map(({ hold, reason }) => ({ hold: durableHold(hold), reason })),
    ownedKeys: new Map(
      [...ownedKeys].map(([owner, keys]) => [
        owner,
        new Map([...keys].map(([key, { id }]) => [key, id])),
      ]),
    ),
    // A live session forgets all but the last that its client can have been told.
    lastNews: news.at(-1),
  };
}

function durableHold({ heldUntilMs: _h, ...hold }: Hold): unknown {
  return hold;
}

function durableDelay({ hold, unconfirmedUntilMs: _u, lockDelayUntilMs: _l, ...delay }: Delay) {
  return { ...delay, hold: durableHold(hold) };
}

/** A live session has confirmed what its events told, and what came since. */
function expectSameAnswered(live: SessionRecord, replay: SessionRecord): void {
  const answered = new IdRanges();
  for (const range of [...replay.answered.toRanges(), ...live.answeredPending.toRanges()])
    answered.add(range);
  expect(answered.toRanges()).toEqual(live.answered.toRanges());
  expect(replay.answeredPending.size).toBe(0);
}

/** A live session has dropped what was confirmed, and keeps outcomes that made no event besides. */
function expectSameOutcomes(live: SessionRecord, replay: SessionRecord): void {
  for (const [requestId, outcome] of replay.outcomes) {
    if (outcome.result.kind === "waiting" || !live.answered.has(requestId))
      expect(live.outcomes.get(requestId)).toEqual(outcome);
    else expect(live.answeredPending.has(requestId)).toBe(true);
  }
  for (const [requestId, { result }] of live.outcomes) {
    if (!replay.outcomes.has(requestId))
      expect(["granted", "denied", "notHeld", "valueSet", "release", "cancel"]).toContain(
        result.kind,
      );
  }
}
