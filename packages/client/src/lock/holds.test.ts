import { expect, test } from "vitest";
import { SessionLostError } from "../errors.ts";
import { ManualClock } from "../ports/manual-clock.ts";
import { Lease } from "../session/lease.ts";
import { RequestIds } from "../session/request-ids.ts";
import { change } from "./changes.ts";
import { Holds } from "./holds.ts";
import { wishOf } from "./wish.ts";

/** The holds of a session that is over, and what was sent since. */
function ended() {
  const clock = new ManualClock();
  const sent: string[] = [];
  const holds = new Holds({
    sessionId: 1n,
    ids: new RequestIds(),
    lease: new Lease(clock, 10_000, { monotonicMs: 0, unixMs: 0 }),
    check: () => {},
    submit: ({ kind }) => {
      sent.push(kind);
      return () => {};
    },
    releaseLate: (holdId, token) => sent.push(`late ${holdId} ${token}`),
  });
  const error = new SessionLostError("SESSION_EXPIRED");
  holds.end("SESSION_EXPIRED", error);
  return { holds, error, sent };
}

test("whatever begins after the session has ended ends like it, and waits for nothing", async () => {
  const { holds, error } = ended();
  expect(() => holds.acquire(wishOf("a", {}))).toThrow(error);
  const changing = change(holds, "setValue", () => ({
    request: () => ({}) as never,
    outcome: () => undefined,
  }));
  await expect(changing).rejects.toBe(error);
});

test("a lost lock is released once, without repetition, when the session has ended", () => {
  const { holds, sent } = ended();
  holds.releaseLost(5n, 6n);
  expect(sent).toEqual(["late 5 6"]);
});
