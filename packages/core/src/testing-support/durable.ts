import type { Event, Limits } from "@lockstep/protocol";
import { expect } from "vitest";
import { apply } from "../apply/apply.ts";
import { type Delay, NamespaceState, type SessionRecord } from "../state/state.ts";
import { stored, World } from "./world.ts";

/** The state that the events of a journal give, read back from their bytes. */
export function replayed(events: readonly Event[], limits: Limits): NamespaceState {
  const state = new NamespaceState(limits);
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
  for (const session of live.sessions.values())
    expectSameOutcomes(session, replay.sessions.get(session.id) as SessionRecord);
}

/** Everything a state knows from its events, in a form that can be compared. */
function durableOf(state: NamespaceState): unknown {
  const { epoch, revision, grantPauseMs, activeSessions } = state;
  return {
    epoch,
    revision,
    grantPauseMs,
    activeSessions,
    sessionsByPrincipal: state.sessionsByPrincipal,
    secrets: [...state.sessionsBySecret].map(([secret, { id }]) => [secret, id]),
    sessions: [...state.sessions.values()].map(durableSession),
    keys: new Map(
      [...state.keys].map(([key, { holds, delays, queue }]) => [
        key,
        { holds, delays: delays.map(durableDelay), queue: [...queue.keys()] },
      ]),
    ),
    holds: [...state.holds],
    tickets: [...state.tickets.values()].map(({ deadlineMs: _, ...ticket }) => ticket),
    delays: [...state.delays.values()].map(durableDelay),
  };
}

function durableSession(session: SessionRecord): unknown {
  const { tickets, delays, news, outcomes: _o, answered: _a, renewedAtMs: _r, ...rest } = session;
  return {
    ...rest,
    tickets: [...tickets.keys()],
    delays: [...delays.keys()],
    // A live session forgets all but the last that its client can have been told.
    lastNews: news.at(-1),
  };
}

function durableDelay({ sinceMs: _s, consumedBeforeMs: _c, ...delay }: Delay): unknown {
  return delay;
}

/** A live session has dropped what was confirmed, and keeps outcomes that made no event besides. */
function expectSameOutcomes(live: SessionRecord, replay: SessionRecord): void {
  for (const [requestId, outcome] of replay.outcomes) {
    if (outcome.result.kind === "waiting" || !live.answered.has(requestId))
      expect(live.outcomes.get(requestId)).toEqual(outcome);
  }
  for (const [requestId, { result }] of live.outcomes) {
    if (!replay.outcomes.has(requestId))
      expect(["denied", "release", "cancel"]).toContain(result.kind);
  }
}
