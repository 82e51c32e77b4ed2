import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { ManualClock } from "../executor/testing-support/manual-clock.ts";
import { pause } from "./pause.ts";

test("those who wait for one signal cost it one listener, and each is woken when it aborts", async () => {
  const clock = new ManualClock();
  const stopping = new AbortController();
  let woken = 0;
  const pauses = Array.from({ length: 1_000 }, async () => {
    await pause(clock, 10_000, [stopping.signal]);
    woken += 1;
  });
  expect(getEventListeners(stopping.signal, "abort")).toHaveLength(1);
  stopping.abort();
  await Promise.all(pauses);
  expect(woken).toBe(1_000);
});

test("what has been woken listens no more", async () => {
  const clock = new ManualClock();
  const [call, stopping] = [new AbortController(), new AbortController()];
  let stops = 0;
  const paused = pause(clock, 10_000, [call.signal, stopping.signal], () => () => {
    stops += 1;
  });
  call.abort();
  await paused;
  stopping.abort();
  expect(stops).toBe(1);
});
