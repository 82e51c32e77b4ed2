import { expect, test } from "vitest";
import { MemoryJournal } from "../journal/memory.ts";
import { StorageWatch } from "./storage-watch.ts";
import { ManualClock } from "./testing-support/manual-clock.ts";

test("storage is low below the limit, and when it cannot be looked at, until a look finds enough", async () => {
  const answers: (number | Error)[] = [100, 99, new Error("gone"), 100];
  const journal = Object.assign(new MemoryJournal(), {
    freeBytes: async () => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const clock = new ManualClock();
  const watch = new StorageWatch(journal as never, clock, 100);
  const seen: boolean[] = [];
  watch.start();
  for (let look = 0; look < 4; look++) {
    await clock.settle();
    seen.push(watch.low);
    await clock.advance(2_000);
  }
  watch.close();
  expect(seen).toEqual([false, true, true, false]);
});

test("storage is looked at again before as much as the mark can have been written", async () => {
  let freeBytes = 100_000_000;
  const journal = Object.assign(new MemoryJournal(), { freeBytes: async () => freeBytes });
  const clock = new ManualClock();
  const watch = new StorageWatch(journal as never, clock, 10_000_000);
  watch.start();
  await clock.settle();
  expect(watch.low).toBe(false);

  freeBytes = 9_000_000;
  let batches = 0;
  while (!watch.low && batches < 1_000) {
    watch.wrote(1_000);
    batches += 1;
    await clock.settle();
  }
  expect(watch.low).toBe(true);
  expect(batches * 1_000).toBeLessThan(10_000_000 / 8);
  watch.close();
});
