import { describe, expect, it } from "vitest";
import {
  append,
  createDataset,
  datasetIn,
  Follower,
  put,
} from "../testing-support/dataset/dataset-client.ts";
import { World } from "../testing-support/world.ts";
import { type Position, positionMessage } from "./position.ts";

function world(): { made: World; ends: Position[] } {
  const made = new World();
  createDataset(made);
  const ends = ["a", "b", "c"].map((key) => {
    append(made, [put(key, "1")]);
    return datasetIn(made).head;
  });
  return { made, ends };
}

function trim(made: World, floor: Position | undefined, droppedSeq: bigint) {
  const position = floor === undefined ? undefined : positionMessage(floor);
  const { events } = made.run({
    kind: "trimLog",
    datasetId: datasetIn(made).id,
    unwanted: { floor: position, droppedSeq },
  });
  const { floor: now, droppedSeq: dropped } = datasetIn(made);
  return { floor: now.seq, dropped, events: events.length };
}

describe("Trimming", () => {
  it("moves the floor to an end of a batch, and never back [DATA-73]", () => {
    const { made, ends } = world();
    const [at1, at2] = ends as [Position, Position];
    expect(trim(made, at2, 0n)).toEqual({ floor: 2n, dropped: 0n, events: 1 });
    expect(trim(made, at1, 0n)).toEqual({ floor: 2n, dropped: 0n, events: 0 });
    expect(made.events.at(-1)?.body).toMatchObject({
      case: "logTrimmed",
      value: { floor: at2, droppedSeq: 0n },
    });
  });

  it("drops idempotency keys later than changes, never earlier [DATA-73, DATA-42]", () => {
    const { made, ends } = world();
    const [at1, at2] = ends as [Position, Position];
    expect(trim(made, at1, 3n)).toEqual({ floor: 1n, dropped: 1n, events: 1 });
    expect(trim(made, at2, 0n)).toEqual({ floor: 2n, dropped: 1n, events: 1 });
    expect(trim(made, undefined, 2n)).toEqual({ floor: 2n, dropped: 2n, events: 1 });
    expect(trim(made, undefined, 2n)).toEqual({ floor: 2n, dropped: 2n, events: 0 });
  });

  it("does not believe in a floor above the head", () => {
    const { made } = world();
    const beyond = { seq: 4n, logHash: new Uint8Array(32) };
    expect(trim(made, beyond, 4n)).toEqual({ floor: 0n, dropped: 0n, events: 0 });
  });

  it("waits for no replica [DATA-71]", () => {
    const { made, ends } = world();
    new Follower(made, "slow").ack(1n);
    expect(trim(made, ends[2], 3n)).toEqual({ floor: 3n, dropped: 3n, events: 1 });
  });
});
