import { describe, expect, test } from "vitest";
import { instantOf } from "../ports/clock.ts";
import { ManualClock } from "../ports/manual-clock.ts";
import { Lease } from "./lease.ts";

const TTL_MS = 10_000;

function start() {
  const clock = new ManualClock();
  return { clock, lease: new Lease(clock, TTL_MS, instantOf(clock)) };
}

describe("a lease", () => {
  test("lasts 99 % of the time to live less 10 ms, counted from the send time [SES-50]", () => {
    const { clock, lease } = start();
    clock.pause(9_889);
    expect(lease.remainingMs()).toBe(1);
    clock.pause(1);
    expect(lease.remainingMs()).toBe(0);
  });

  test("is at risk after two thirds of the time to live [LOCK-141]", () => {
    const { clock, lease } = start();
    clock.pause(6_666);
    expect(lease.atRisk()).toBe(false);
    clock.pause(1);
    expect(lease.atRisk()).toBe(true);
    lease.renew(instantOf(clock), TTL_MS);
    expect(lease.atRisk()).toBe(false);
  });

  test("counts the time a machine slept, which only the wall clock saw [SES-52]", () => {
    const { clock, lease } = start();
    clock.sleep(9_890);
    expect(lease.remainingMs()).toBe(0);
  });

  test("counts on when the wall clock is set back [SES-52]", () => {
    const { clock, lease } = start();
    clock.sleep(-60_000);
    clock.pause(9_890);
    expect(lease.remainingMs()).toBe(0);
  });

  test("counts from when the acknowledged attempt was sent, not from when its answer came [SES-50, SES-58]", () => {
    const { clock, lease } = start();
    clock.pause(1_000);
    const sentAt = instantOf(clock);
    clock.pause(5_000);
    lease.renew(sentAt, TTL_MS);
    expect(lease.remainingMs()).toBe(4_890);
  });

  test("loses no time when an earlier attempt is acknowledged after a later one [SES-50]", () => {
    const { clock, lease } = start();
    clock.pause(1_000);
    const earlier = instantOf(clock);
    clock.pause(1_000);
    lease.renew(instantOf(clock), TTL_MS);
    lease.renew(earlier, TTL_MS);
    expect(lease.remainingMs()).toBe(9_890);
  });

  test("stays passed whatever the clocks and late acknowledgements say [SES-54]", () => {
    const { clock, lease } = start();
    const sentAt = instantOf(clock);
    clock.sleep(9_890);
    expect(lease.remainingMs()).toBe(0);
    clock.sleep(-9_890);
    lease.renew(sentAt, 60_000);
    expect(lease.remainingMs()).toBe(0);
    expect(lease.atRisk()).toBe(true);
  });

  test("that has passed unseen is not brought back by an acknowledgement [SES-54]", () => {
    const { clock, lease } = start();
    clock.pause(5_000);
    const sentAt = instantOf(clock);
    clock.pause(4_890);
    lease.renew(sentAt, TTL_MS);
    expect(lease.remainingMs()).toBe(0);
  });
});
