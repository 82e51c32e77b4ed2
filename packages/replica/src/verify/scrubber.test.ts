import { systemClock } from "@lockstep/client";
import { BUCKETS, portableSha256 } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { Holdings } from "../holdings.ts";
import { MemoryStore } from "../store/memory.ts";
import { Scrubber } from "./scrubber.ts";

test("a look at all rows leaves the process a turn of its event loop after each few buckets", async () => {
  const holdings = new Holdings(new MemoryStore(), "orders", portableSha256);
  const scrubber = new Scrubber(holdings, systemClock, 60_000, () => {});
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns += 1;
    if (!isOver) systemClock.afterOthers(count);
  };
  count();
  await scrubber.pass(new AbortController().signal);
  isOver = true;
  scrubber.stop();
  expect(turns).toBeGreaterThanOrEqual(BUCKETS / 512);
});
