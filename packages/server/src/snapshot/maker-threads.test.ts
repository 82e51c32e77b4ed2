import { expect, test } from "vitest";
import { VirtualClock } from "../ports/virtual-clock.ts";
import { KEPT_BYTES_MAX, KEPT_MS, MakerThreads } from "./maker-threads.ts";

test("work goes on one piece after another, also after one of them failed", async () => {
  const threads = new MakerThreads();
  const order: string[] = [];
  const work = (name: string, fails: boolean) =>
    threads.take(async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      if (fails) throw new Error(name);
    });
  const outcomes = await Promise.allSettled([work("a", true), work("b", false), work("c", true)]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected"]);
  expect(order).toEqual(["a", "b", "c"].flatMap((name) => [`${name} begins`, `${name} ends`]));
});

test("a thread is kept until it is needed, and given to one at a time", async () => {
  const threads = new MakerThreads();
  const thread = threads.thread();
  await threads.keep(thread, KEPT_BYTES_MAX);
  expect(threads.thread()).toBe(thread);
  const other = threads.thread();
  expect(other).not.toBe(thread);
  await Promise.all([thread.end(), other.end()]);
});

test("a thread that has nothing to do for long is ended, and one that was taken in time is not", async () => {
  const clock = new VirtualClock(0);
  const threads = new MakerThreads(clock);
  const thread = threads.thread();
  await threads.keep(thread, 1);
  await clock.advance(KEPT_MS - 1);
  expect(threads.thread()).toBe(thread);
  await threads.keep(thread, 1);
  await clock.advance(KEPT_MS - 1);
  expect(threads.thread()).toBe(thread);
  await threads.keep(thread, 1);
  await clock.advance(KEPT_MS);
  await expect(thread.said()).rejects.toThrow("has ended");
});

test("a thread is ended with a large snapshot, and one that has ended is not given again", async () => {
  const threads = new MakerThreads();
  const large = threads.thread();
  await threads.keep(large, KEPT_BYTES_MAX + 1);
  await expect(large.said()).rejects.toThrow("has ended");
  const thread = threads.thread();
  await threads.keep(thread, 1);
  await thread.end();
  await expect(thread.said()).rejects.toThrow("has ended");
  const next = threads.thread();
  expect(next).not.toBe(thread);
  await next.end();
});
