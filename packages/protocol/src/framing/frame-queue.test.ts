import { describe, expect, test } from "vitest";
import { FrameQueue } from "./frame-queue.ts";

function newQueue() {
  const taken = { times: 0 };
  const queue = new FrameQueue<number>(() => {
    taken.times += 1;
  });
  return { queue, taken };
}

describe("a queue of frames", () => {
  test("gives frames in their order, those that were there and those that come", async () => {
    const { queue, taken } = newQueue();
    queue.push(1);
    queue.push(2);
    expect(queue.length).toBe(2);
    expect([await queue.next(), await queue.next()].map(({ value }) => value)).toEqual([1, 2]);
    expect(taken.times).toBe(2);
    const third = queue.next();
    queue.push(3);
    expect(taken.times).toBe(3);
    expect(await third).toEqual({ done: false, value: 3 });
    expect(queue.length).toBe(0);
  });

  test("ends after the frames that wait", async () => {
    const { queue } = newQueue();
    queue.push(1);
    queue.end();
    queue.push(2);
    const all: number[] = [];
    for await (const frame of queue) all.push(frame);
    expect(all).toEqual([1]);
  });

  test("ends with the first error, again and again", async () => {
    const { queue } = newQueue();
    const waiting = queue.next();
    queue.end(new Error("first"));
    queue.end(new Error("second"));
    queue.end();
    await expect(waiting).rejects.toThrow("first");
    await expect(queue.next()).rejects.toThrow("first");
  });

  test("throws away what waits when nobody wants it any more, and says so", async () => {
    const { queue, taken } = newQueue();
    queue.push(1);
    for await (const _ of queue) break;
    expect(queue.hasEnded).toBe(true);
    queue.push(2);
    expect(queue.length).toBe(0);
    expect(await queue.next()).toEqual({ done: true, value: undefined });
    expect(taken.times).toBe(2);
  });
});
