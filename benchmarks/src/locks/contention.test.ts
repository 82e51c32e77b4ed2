import { describe, expect, it } from "vitest";
import { ContentionWatch } from "./contention.ts";

/** Watches callers who take the lock in this order; each asks again once it has released, with `all` waiting before. */
function watched(all: readonly number[], grants: readonly number[]) {
  const watch = new ContentionWatch();
  for (const caller of all) watch.asks(caller);
  for (const caller of grants) {
    watch.granted(caller);
    watch.asks(caller);
  }
  return watch.result(1_000);
}

describe("watching the callers of one lock", () => {
  it("finds no overtaking in a fair queue, however the first requests arrived", () => {
    expect(watched([0, 1, 2], [2, 0, 1, 2, 0, 1]).overtakingPercent).toBe(0);
  });

  it("counts who is granted before somebody who asked earlier", () => {
    // 0 takes the lock again and again while 1 waits: its requests after the first count.
    expect(watched([0, 1], [0, 0, 0]).overtakingPercent).toBe(100);
  });

  it("takes only a grant to another caller for a hand-over", () => {
    expect(watched([0, 1], [0, 0, 0]).handOversPerSecond).toBe(0);
    expect(watched([0, 1], [0, 0, 0]).handOverP50Ms).toBeNull();
    expect(watched([0, 1], [0, 1, 0]).handOversPerSecond).toBe(2);
    expect(watched([0, 1], [0, 1, 0]).handOverP50Ms).not.toBeNull();
  });
});
