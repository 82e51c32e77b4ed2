import type { Checkpoint, Event } from "@lockstep/protocol";
import { expect, it } from "vitest";
import { InvariantError } from "../apply/invariant.ts";
import {
  append,
  createDataset,
  datasetIn,
  put,
} from "../testing-support/dataset/dataset-client.ts";
import { replayed } from "../testing-support/durable.ts";
import { World } from "../testing-support/world.ts";
import { verifyRoots } from "./verify-roots.ts";

/** A dataset with two rows, a checkpoint, and a change after it. */
function pastCheckpoint(): World {
  const world = new World();
  createDataset(world);
  append(world, [put("a", "1"), put("b", "1")]);
  world.advance(60_000);
  append(world, [put("c", "1")]);
  return world;
}

it("A state that was rebuilt is compared with the last checkpoint of each dataset [DATA-28]", () => {
  const world = pastCheckpoint();
  const { events, state } = world;
  const atCheckpoint = replayed(events.slice(0, -1), state.limits);
  verifyRoots(atCheckpoint);
  datasetIn({ state: atCheckpoint }).digest.update(7, undefined, new Uint8Array(32).fill(7));
  expect(() => verifyRoots(atCheckpoint)).toThrow(InvariantError);
  verifyRoots(state);
  expect(datasetIn(world).checkpoint?.seq).toBe(2n);
});

it("Each checkpoint that is passed must be what the changes before it lead to [DIG-21]", () => {
  const { events, state } = pastCheckpoint();
  replayed(events, state.limits);
  for (const wrong of [
    { root: new Uint8Array(32).fill(7) },
    { logHash: new Uint8Array(32).fill(7) },
    { count: 3n },
  ])
    expect(() =>
      replayed(
        events.map((event) => withCheckpoint(event, wrong)),
        state.limits,
      ),
    ).toThrow(InvariantError);
  const rewritten = events.map((event) => {
    const changes = event.journalOnly?.changes;
    if (event.journalOnly === undefined || changes?.length !== 2) return event;
    const wrong = changes.map((one) => ({ ...one, entryHash: new Uint8Array(32).fill(7) }));
    return { ...event, journalOnly: { ...event.journalOnly, changes: wrong } };
  });
  expect(() => replayed(rewritten, state.limits)).toThrow(InvariantError);
});

/** The event with something else in its checkpoint, if it makes one. */
function withCheckpoint(event: Event, wrong: Partial<Checkpoint>): Event {
  const { body } = event;
  if (body.case !== "datasetCheckpointed" || body.value.checkpoint === undefined) return event;
  const checkpoint = { ...body.value.checkpoint, ...wrong };
  return { ...event, body: { ...body, value: { ...body.value, checkpoint } } };
}
