import { LossReason, ReleaseOutcome } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { outcomeOf, TTL_MS, world } from "../testing-support/world.ts";

describe("a release that is answered", () => {
  test.each([
    ["RELEASED", ReleaseOutcome.RELEASED],
    ["ALREADY_RELEASED", ReleaseOutcome.ALREADY_RELEASED],
    ["LOST", ReleaseOutcome.LOST],
    ["NOT_HOLDER", ReleaseOutcome.NOT_HOLDER],
  ])("%s is done, and is not sent again [LOCK-74, LOCK-146]", async (_, outcome) => {
    const { clock, server, held } = world();
    server.forge = (kind, reply) => {
      if (kind !== "release") return;
      reply.outcome = outcome;
      if (outcome === ReleaseOutcome.LOST) reply.lostReason = LossReason.FORCE_RELEASED;
    };
    const lock = await held("a");
    const releasing = outcomeOf(lock.release());
    await clock.settle();
    expect(releasing).toEqual({ settled: true, value: undefined });
    await lock[Symbol.asyncDispose]();
    await clock.advance(TTL_MS);
    expect(server.requests("release")).toHaveLength(1);
    expect(["RELEASED", "LOST"]).toContain(lock.state);
  });
});
