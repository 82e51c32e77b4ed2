import type { Event } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { type Client, forceRelease, open } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

/** More waits than reminders of what is over are left to come up. */
const SHORT_WAITS = 1_100n;

function cases(events: readonly Event[]): (string | undefined)[] {
  return events.map(({ body }) => body.case).filter((one) => one !== "servedTimeAdvanced");
}

/** Waits with a long limit that end at once, each leaving a reminder behind. */
function waitShortly(world: World, holder: Client, waiter: Client): void {
  holder.lock("busy");
  for (let i = 0n; i < SHORT_WAITS; i++) {
    waiter.queue("busy", { requestId: 1_000n + 2n * i });
    waiter.cancel(1_000n + 2n * i, { requestId: 1_001n + 2n * i });
    waiter.keepAlive(0n, [[1_000n, 1_001n + 2n * i]]);
  }
  expect(world.state.due.size).toBeLessThan(Number(SHORT_WAITS));
}

describe("Sweeping out reminders", () => {
  it("forgets nothing that is still to come", () => {
    const world = new World();
    const [ann, ben, carl, dora] = [
      open(world, { ttlMs: 60_000 }),
      open(world, { ttlMs: 20_000 }),
      open(world),
      open(world, { ttlMs: 7_000 }),
    ];
    ann.lock("held");
    ben.queue("held", { waitMs: 5_000 });
    forceRelease(world, "lost", dora.lock("lost").token);
    carl.close();
    world.pass(1_000);
    dora.keepAlive();
    waitShortly(world, ann, ben);
    expect(cases(world.advance(4_000))).toEqual(["ticketEnded"]);
    expect(cases(world.advance(2_000))).toEqual(["delayEnded"]);
    expect(cases(world.advance(1_000))).toEqual(["sessionEnded"]);
    expect(cases(world.advance(13_000))).toEqual(["sessionEnded"]);
    ann.keepAlive();
    world.advance(60_000);
    expect(cases(world.advance(3_600_000 - 81_000))).toEqual(["sessionForgotten"]);
    expect(world.state.sessions.has(carl.id)).toBe(false);
  });

  it("leaves the end of a new lineage's pause to come", () => {
    const world = new World({ grantPauseMs: 5_000 });
    const ann = open(world);
    ann.queue("free");
    for (let i = 0n; i < SHORT_WAITS; i++) {
      ann.queue("busy", { requestId: 1_000n + i });
      ann.cancel(1_000n + i, { requestId: 9_000n + i });
      ann.keepAlive(0n, [
        [1_000n, 1_000n + i],
        [9_000n, 9_000n + i],
      ]);
    }
    expect(world.state.due.nextAtMs).toBe(world.monotonicMs + 5_000);
    expect(cases(world.advance(5_000))).toEqual(["lockGranted"]);
  });

  it("goes on writing down the time a delay is served", () => {
    const world = new World();
    const [ann, ben] = [open(world, { ttlMs: 20_000 }), open(world)];
    forceRelease(world, "lost", ann.lock("lost").token);
    waitShortly(world, ann, ben);
    expect(world.advance(5_000).map(({ body }) => body.case)).toEqual(["servedTimeAdvanced"]);
  });
});
