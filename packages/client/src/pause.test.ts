import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { pause } from "./pause.ts";
import { ManualClock } from "./ports/manual-clock.ts";

test("a pause that was slept through leaves nothing behind at its signal", async () => {
  const clock = new ManualClock();
  const { signal } = new AbortController();
  const over = pause(clock, 100, signal);
  await clock.advance(100);
  await over;
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("a pause ends when its signal is aborted, before or meanwhile", async () => {
  const early = AbortSignal.abort();
  const meanwhile = new AbortController();
  const pauses = [early, meanwhile.signal].map((signal) => pause(new ManualClock(), 100, signal));
  meanwhile.abort();
  await expect(Promise.all(pauses)).resolves.toHaveLength(2);
});
