import { DeniedReason } from "@lockstep/protocol";
import { expect, it } from "vitest";
import { open } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

const owner = "job";
const WAIT = { waitMs: 600_000, answerQueued: true };
const victim = { case: "denied", reason: DeniedReason.DEADLOCK_VICTIM };

it("Whoever asks for its place in the queue is told at once that its wait is over already [LOCK-25, LOCK-55]", () => {
  const world = new World();
  const [ann, ben, cat] = [open(world), open(world), open(world)];
  ann.lock("a", { owner });
  ben.lock("b", { owner });
  ann.queue("b", { owner });
  const denied = ben.acquire("a", { owner, requestId: 9n, ...WAIT });
  expect(denied).toMatchObject(victim);
  expect(ben.acquire("a", { owner, requestId: 9n, ...WAIT })).toEqual(denied);
  expect(cat.acquire("a", { owner, ...WAIT })).toMatchObject({ case: "queued" });
});
