import { create } from "@bufbuild/protobuf";
import {
  type AttachResponse,
  AttachResponseSchema,
  type Event,
  EventSchema,
  FrameQueue,
} from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { nextTurn } from "../ports/next-turn.ts";
import { PacedFrames, REPLIES_PER_TURN } from "./paced-frames.ts";

function frame(first: number, count: number, news: Event[] = []) {
  const replies = Array.from({ length: count }, (_, i) => ({ callId: BigInt(first + i) }));
  return create(AttachResponseSchema, { replies, news });
}

/** What has been told so far: the call ids of each piece, news as their revisions, and the end. */
function newPacedFrames(onPiece: (piece: AttachResponse) => void = () => {}) {
  const told: (number[] | string)[] = [];
  const queue = new FrameQueue<AttachResponse>(() => {});
  const listen = async () => {
    try {
      for await (const piece of queue) {
        const { replies, news } = piece;
        onPiece(piece);
        told.push([...replies.map(({ callId }) => Number(callId)), ...news.map(() => -1)]);
      }
      told.push("the end");
    } catch (error) {
      told.push(String(error));
    }
  };
  const listening = listen();
  return { paced: new PacedFrames(queue, nextTurn), told, listening };
}

const range = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

describe("frames", () => {
  test("of many replies are told in pieces, and what one leads to is sent before the next", async () => {
    const { paced, told, listening } = newPacedFrames((piece) => {
      process.nextTick(() => told.push(`sent after ${piece.replies.length}`));
    });
    paced.push(frame(1, 2 * REPLIES_PER_TURN + 1));
    expect(paced.length).toBe(2);
    paced.end();
    await listening;
    expect(told).toEqual([
      range(1, REPLIES_PER_TURN),
      `sent after ${REPLIES_PER_TURN}`,
      range(1 + REPLIES_PER_TURN, REPLIES_PER_TURN),
      `sent after ${REPLIES_PER_TURN}`,
      [1 + 2 * REPLIES_PER_TURN],
      "the end",
    ]);
  });

  test("are told at once and whole when their replies are few", () => {
    const { paced } = newPacedFrames();
    paced.push(frame(1, REPLIES_PER_TURN));
    paced.push(frame(100, 1));
    expect(paced.length).toBe(0);
  });

  test("wait for the pieces of those before them, and so does the end", async () => {
    const { paced, told, listening } = newPacedFrames();
    paced.push(frame(1, REPLIES_PER_TURN + 1));
    paced.push(frame(1_000, 1));
    paced.end(new Error("cut"));
    paced.end(new Error("closed"));
    await listening;
    expect(told).toEqual([
      range(1, REPLIES_PER_TURN),
      [1 + REPLIES_PER_TURN],
      [1_000],
      "Error: cut",
    ]);
  });

  test("with news are told whole: no reply is acted on without what they say", async () => {
    const { paced, told, listening } = newPacedFrames();
    paced.push(frame(1, 3 * REPLIES_PER_TURN, [create(EventSchema, { revision: 1n })]));
    expect(paced.length).toBe(0);
    paced.end();
    await listening;
    expect(told).toEqual([[...range(1, 3 * REPLIES_PER_TURN), -1], "the end"]);
  });
});
