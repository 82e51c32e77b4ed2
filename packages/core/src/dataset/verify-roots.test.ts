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

it("A state that was rebuilt is compared with the last checkpoint of each dataset [DATA-28]", () => {
  const world = new World();
  createDataset(world);
  append(world, [put("a", "1"), put("b", "1")]);
  world.advance(60_000);
  verifyRoots(replayed(world.events, world.state.limits));
  const events = world.events.map((event) => {
    const changes = event.journalOnly?.changes;
    if (event.journalOnly === undefined || changes?.length !== 2) return event;
    const wrong = changes.map((one) => ({ ...one, entryHash: new Uint8Array(32).fill(7) }));
    return { ...event, journalOnly: { ...event.journalOnly, changes: wrong } };
  });
  const state = replayed(events, world.state.limits);
  expect(() => verifyRoots(state)).toThrow(InvariantError);
  append(world, [put("c", "1")]);
  verifyRoots(world.state);
  expect(datasetIn(world).checkpoint?.seq).toBe(2n);
});
