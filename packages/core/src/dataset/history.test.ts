import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeSnapshot } from "../snapshot/decode.ts";
import { stateDigest } from "../snapshot/digest.ts";
import { encodeSnapshot } from "../snapshot/encode.ts";
import { datasetIn } from "../testing-support/dataset/dataset-client.ts";
import { DatasetTwin } from "../testing-support/dataset/dataset-twin.ts";
import { datasetStories } from "../testing-support/dataset/story.ts";
import { hex } from "../testing-support/dataset/tables.ts";
import { expectSameState, replayed } from "../testing-support/durable.ts";
import { verifyRoots } from "./verify-roots.ts";

/** How many stories are told; `LOCKSTEP_STORIES` tells more, and `LOCKSTEP_SEED` the same once more. */
const STORIES = Math.ceil(Number(process.env.LOCKSTEP_STORIES ?? 900) / 4);
const SEED = process.env.LOCKSTEP_SEED;
const ACTIONS_MAX = 60;
/** So many stories are enough for everything to happen in some of them. */
const STORIES_FOR_ALL = 200;
const TIMEOUT_MS = 120_000 + STORIES * 400;

const HAPPENS = [
  "appended",
  "duplicate",
  "replicated",
  "not replicated",
  "refused IDEMPOTENCY_CONFLICT",
  "refused IDEMPOTENCY_EXPIRED",
  "refused LOG_DIVERGED",
  "refused HEAD_MISMATCH",
  "refused KEY_MISMATCH",
  "refused DATASET_FULL",
  "refused NOT_ENOUGH_IN_SYNC",
  "refused SUBSCRIPTION_UNKNOWN",
  "refused ACK_REGRESSED",
];

const runs = SEED === undefined ? { numRuns: STORIES } : { numRuns: STORIES, seed: Number(SEED) };

describe("Any history of a dataset", () => {
  it(
    "is answered as the contract says, and gives the same state again, by its events or a snapshot [DATA-20, DATA-28, DATA-31, DATA-40, DATA-62]",
    () => {
      const seen = new Set<string>();
      fc.assert(
        fc.property(datasetStories(ACTIONS_MAX), fc.nat(), (story, cut) => {
          const twin = new DatasetTwin();
          for (const action of story) twin.perform(action);
          const { state, events } = twin.world;
          const again = replayed(events, state.limits);
          expectSameState(state, again);
          verifyRoots(again);
          const length = 1 + (cut % events.length);
          const early = replayed(events.slice(0, length), state.limits);
          const restored = decodeSnapshot(encodeSnapshot(early), state.limits);
          expect(stateDigest(restored)).toBe(stateDigest(early));
          expectSameState(early, restored);
          for (const one of twin.seen) seen.add(one);
        }),
        runs,
      );
      if (STORIES >= STORIES_FOR_ALL) expect(HAPPENS.filter((one) => !seen.has(one))).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    "goes on from a snapshot as from the events before it [DATA-28, REP-7]",
    () => {
      fc.assert(
        fc.property(datasetStories(ACTIONS_MAX), fc.nat(), (story, cut) => {
          const twin = new DatasetTwin();
          for (const action of story) twin.perform(action);
          const { state, events } = twin.world;
          const length = 1 + (cut % events.length);
          const early = replayed(events.slice(0, length), state.limits);
          const restored = decodeSnapshot(encodeSnapshot(early), state.limits);
          const whole = replayed(events, state.limits);
          replayed(events.slice(length), state.limits, restored);
          expectSameState(whole, restored);
          expect(hex(datasetIn({ state: restored }).digest.root())).toBe(hex(twin.model.root()));
        }),
        { ...runs, numRuns: Math.ceil(STORIES / 3) },
      );
    },
    TIMEOUT_MS,
  );
});
