import { create, toBinary } from "@bufbuild/protobuf";
import {
  type Event,
  EventSchema,
  GetPolicyRequestSchema,
  SetPolicyRequestSchema,
} from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stateDigest } from "./snapshot/digest.ts";
import { open } from "./testing-support/client.ts";
import { expectSameState, recoveredFrom, replayed } from "./testing-support/durable.ts";
import { KEYS, type Story, stories } from "./testing-support/model/actions.ts";
import { Twin } from "./testing-support/model/twin.ts";
import type { World } from "./testing-support/world.ts";

/** How many stories are told; `LOCKSTEP_STORIES` tells more, and `LOCKSTEP_SEED` the same once more. */
const STORIES = Number(process.env.LOCKSTEP_STORIES ?? 900);
const SEED = process.env.LOCKSTEP_SEED;
const ACTIONS_MAX = 120;

/** So many stories are enough for everything to happen in some of them. */
const STORIES_FOR_ALL = 600;

/** How many stories are broken off after every batch, and how long each is at most. */
const BROKEN_STORIES = Math.ceil(STORIES / 10);
const BROKEN_ACTIONS_MAX = 60;

/** Longer than it takes on a slow machine; a story that never ends should fail all the same. */
const TIMEOUT_MS = 120_000 + STORIES * 400;

/** What happens in so many stories that its absence from all of them is no chance. */
const HAPPENS = [
  "granted at once",
  "granted a waiter",
  "converted at once",
  "converted a waiter",
  "holdTransferred",
  "holdCountChanged",
  "holdValueSet",
  "releaseRequested",
  "unqueued WAIT_TIMED_OUT",
  "unqueued CANCELLED",
  "unqueued SESSION_ENDED",
  "unqueued DEADLOCK_VICTIM",
  "unqueued KEY_QUARANTINED",
  "unqueued IDENTITY_QUARANTINED",
  "unqueued LIMIT_MISMATCH",
  "lost SESSION_EXPIRED",
  "lost SESSION_REVOKED",
  "lost FORCE_RELEASED",
  "lost MAX_HOLD",
  "unblocked CONFIRMED",
  "unblocked ELAPSED",
  "servedTimeAdvanced",
  "keyQuarantineCleared",
  "quarantined automatic true",
  "acquire: denied LOCK_DELAY",
  "acquire: denied QUEUE_FULL",
  "acquire: denied OWNER_BUSY",
  "acquire: refused REQUEST_ID_ANSWERED",
  "keepAlive: refused INVALID_FIELD",
];

function told(story: Story): Twin {
  const twin = new Twin(story);
  for (const action of story.actions) twin.perform(action);
  return twin;
}

/** A story that fails is made shorter for `TIMEOUT_MS` at most: each step tells a whole story again. */
const runs = (numRuns: number) => ({
  numRuns,
  ...(SEED === undefined ? {} : { seed: Number(SEED) }),
  interruptAfterTimeLimit: TIMEOUT_MS,
  markInterruptAsFailure: true,
});

describe("Any history", () => {
  it(
    "is answered as the contract says, breaks no rule, and gives the same state again [LOCK-5]",
    () => {
      const seen = new Set<string>();
      fc.assert(
        fc.property(stories(ACTIONS_MAX), (story) => {
          const twin = told(story);
          const { state, events } = twin.world;
          expectSameState(state, replayed(events, state.limits));
          for (const one of twin.seen) seen.add(one);
        }),
        runs(STORIES),
      );
      if (STORIES >= STORIES_FOR_ALL) expect(HAPPENS.filter((one) => !seen.has(one))).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    "is decided the same way when it happens again",
    () => {
      fc.assert(
        fc.property(stories(ACTIONS_MAX), (story) => {
          const [one, other] = [told(story).world, told(story).world];
          expect(stateDigest(other.state)).toBe(stateDigest(one.state));
          expect(spelt(other.events)).toEqual(spelt(one.events));
        }),
        runs(BROKEN_STORIES * 2),
      );
    },
    TIMEOUT_MS,
  );

  it(
    "can be broken off after any batch, and goes on from there",
    () => {
      fc.assert(
        fc.property(stories(BROKEN_ACTIONS_MAX), (story) => {
          const { batches } = told(story).world;
          for (let length = 1; length <= batches.length; length++)
            goesOn(recoveredFrom(batches.slice(0, length)));
        }),
        runs(BROKEN_STORIES),
      );
    },
    TIMEOUT_MS,
  );
});

/** Events as bytes, which can be compared faster than messages. */
function spelt(events: readonly Event[]): string[] {
  return events.map((event) => Buffer.from(toBinary(EventSchema, event)).toString("base64"));
}

/** Somebody new waits for everything and, as nobody else is there any more, gets what is not locked away. */
function goesOn(world: World): void {
  const { revision } = world.state;
  for (const { keyPrefix } of policiesOf(world)) removePolicy(world, keyPrefix);
  const client = open(world, { ttlMs: 120_000, principal: "somebody new" });
  const wanted = KEYS.filter((key) => client.acquire(key, { waitMs: 600_000 }).case !== "denied");
  for (let i = 0; i < 9; i++) world.advance(10_000);
  const { holds, tickets } = client.get();
  const had = holds.map(({ targets }) => targets[0]?.key ?? "");
  const missing = wanted.filter((key) => !had.includes(key));
  expect(missing.filter((key) => !world.state.quarantinedKeys.has(key))).toEqual([]);
  for (const { token } of holds) expect(token).toBeGreaterThan(revision);
  expect(tickets).toEqual([]);
  world.advance(120_000);
  expect([...world.state.keys.keys()].sort()).toEqual(
    [...world.state.quarantinedKeys.keys()].sort(),
  );
}

function policiesOf(world: World) {
  return world.reply({ kind: "getPolicy", request: create(GetPolicyRequestSchema) }).policies;
}

function removePolicy(world: World, keyPrefix: string): void {
  const { version } = world.reply({ kind: "getPolicy", request: create(GetPolicyRequestSchema) });
  const request = create(SetPolicyRequestSchema, {
    keyPrefix,
    expectedVersion: version,
    reason: "over",
  });
  world.reply({ kind: "setPolicy", principal: "operator", request });
}
