import type { Clock } from "@lockstep/client";
import { describe, expect, test } from "vitest";
import { LeaseGuard } from "./lease-guard.ts";

/** A lock and a guard on a clock that moves only when told to. */
function setup(leaseMs: number, graceMs: number) {
  let nowMs = 0;
  let endsAtMs = leaseMs;
  let timer: { dueMs: number; fn: () => void } | undefined;
  const abort = new AbortController();
  const said: string[] = [];
  const clock = {
    after: (ms: number, fn: () => void) => {
      const mine = { dueMs: nowMs + ms, fn };
      timer = mine;
      return {
        cancel: () => {
          if (timer === mine) timer = undefined;
        },
      };
    },
  } as Clock;
  const lock = {
    get remainingMs() {
      return Math.max(0, endsAtMs - nowMs);
    },
    signal: abort.signal,
  };
  const guard = new LeaseGuard(lock, clock, graceMs, {
    warn: () => said.push(`warn at ${nowMs}`),
    end: () => said.push(`end at ${nowMs}`),
  });
  const pass = (ms: number) => {
    const untilMs = nowMs + ms;
    while (timer && timer.dueMs <= untilMs) {
      const { dueMs, fn } = timer;
      timer = undefined;
      nowMs = dueMs;
      fn();
    }
    nowMs = untilMs;
  };
  return {
    guard,
    said,
    pass,
    renew: () => {
      endsAtMs = nowMs + leaseMs;
    },
    lose: () => abort.abort(),
    sleep: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe("a lease guard", () => {
  test("says nothing as long as renewals are acknowledged", () => {
    const { guard, said, pass, renew } = setup(15_000, 2_000);
    for (let times = 0; times < 10; times++) {
      pass(12_999);
      renew();
    }
    expect(said).toEqual([]);
    expect(guard.acted).toBe(false);
  });

  test("warns when only the grace is left, and ends with the lease", () => {
    const { guard, said, pass } = setup(15_000, 2_000);
    pass(12_999);
    expect(guard.acted).toBe(false);
    pass(60_000);
    expect(said).toEqual(["warn at 13000", "end at 15000"]);
    expect(guard.acted).toBe(true);
  });

  test("puts the end off when a renewal comes after the warning, and does not warn again", () => {
    const { said, pass, renew } = setup(15_000, 2_000);
    pass(14_000);
    renew();
    pass(60_000);
    expect(said).toEqual(["warn at 13000", "end at 29000"]);
  });

  test("ends at once when the lock is lost", () => {
    const { said, pass, lose } = setup(15_000, 2_000);
    pass(5_000);
    lose();
    expect(said).toEqual(["end at 5000"]);
  });

  test("only ends when a look finds that the lease has passed meanwhile", () => {
    const { guard, said, sleep } = setup(15_000, 2_000);
    sleep(20_000);
    guard.look();
    expect(said).toEqual(["end at 20000"]);
  });

  test("without a grace only ends", () => {
    const { said, pass } = setup(15_000, 0);
    pass(60_000);
    expect(said).toEqual(["end at 15000"]);
  });

  test("says nothing once it is stopped, and has not acted by that", () => {
    const { guard, said, pass, lose } = setup(15_000, 2_000);
    guard.stop();
    pass(60_000);
    lose();
    guard.look();
    expect(said).toEqual([]);
    expect(guard.acted).toBe(false);
  });
});
