import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { open } from "./testing-support/client.ts";
import { expectSameState, recoveredFrom, replayed } from "./testing-support/durable.ts";
import { type Action, KEYS, stories } from "./testing-support/model/actions.ts";
import { Twin } from "./testing-support/model/twin.ts";
import type { World } from "./testing-support/world.ts";

/** How many stories are told, and how long each is at most. */
const STORIES = 600;
const ACTIONS_MAX = 120;

/** How many stories are broken off after every batch, and how long each is at most. */
const BROKEN_STORIES = 60;
const BROKEN_ACTIONS_MAX = 60;

/** Longer than it takes on a slow machine; a story that never ends should fail all the same. */
const TIMEOUT_MS = 60_000;

function told({ pauseMs, actions }: { pauseMs: number; actions: Action[] }): World {
  const twin = new Twin(pauseMs);
  for (const action of actions) twin.perform(action);
  return twin.world;
}

describe("Any history", () => {
  it(
    "is answered as the contract says, breaks no rule, and gives the same state again",
    () => {
      fc.assert(
        fc.property(stories(ACTIONS_MAX), (story) => {
          const { state, events } = told(story);
          expectSameState(state, replayed(events, state.limits));
        }),
        { numRuns: STORIES },
      );
    },
    TIMEOUT_MS,
  );

  it(
    "can be broken off after any batch, and goes on from there",
    () => {
      fc.assert(
        fc.property(stories(BROKEN_ACTIONS_MAX), (story) => {
          const { batches } = told(story);
          for (let length = 1; length <= batches.length; length++)
            goesOn(recoveredFrom(batches.slice(0, length)));
        }),
        { numRuns: BROKEN_STORIES },
      );
    },
    TIMEOUT_MS,
  );
});

/** Somebody new waits for everything and, as nobody else is there any more, gets it in the end. */
function goesOn(world: World): void {
  const { revision } = world.state;
  const client = open(world, { ttlMs: 120_000 });
  for (const key of KEYS) client.acquire(key, { waitMs: 600_000 });
  for (let i = 0; i < 7; i++) world.advance(10_000);
  const { holds, tickets } = client.get();
  expect(holds.map(({ targets }) => targets[0]?.key).sort()).toEqual(KEYS);
  for (const { token } of holds) expect(token).toBeGreaterThan(revision);
  expect(tickets).toEqual([]);
  world.advance(120_000);
  expect(world.state.keys.size).toBe(0);
}
