import { expect, it } from "vitest";
import type { Line } from "./compare.ts";
import { goalsOf } from "./goals.ts";

function line(name: string, callers: number, perSecond: number, more: Partial<Line> = {}): Line {
  const about = { name, callers, contended: false, rounds: 1 };
  return { ...about, perSecond, p50Ms: 1, p99Ms: 2, cycles: 1, ...more };
}

function goal(lines: readonly Line[], name: string) {
  return goalsOf(lines, 100).find((each) => each.name === name);
}

it("judges a goal by the faster of two versions of a peer", () => {
  const lines = [
    line("Lockstep, Attach", 64, 1_000),
    line("etcd of Debian, raw transactions", 64, 10),
    line("etcd, raw transactions", 64, 200),
  ];
  const name = "64 callers, cycles/s, to etcd's raw transactions";
  expect(goal(lines, name)).toMatchObject({ kind: "gate", figure: 5, met: false });
  expect(goal(lines.slice(0, 2), name)).toMatchObject({ figure: 100, met: true });
});

it("says that a goal was not measured when a peer is missing", () => {
  const missing = goal([line("Lockstep, Attach", 64, 1_000)], "64 callers, cycles/s, to redlock");
  expect(missing).toMatchObject({ figure: null, met: null });
});

it("judges latencies by their ratio, and the order by the history", () => {
  const lines = [
    line("Lockstep, Attach", 1, 1, { p50Ms: 3 }),
    line("Redis, redlock", 1, 1, { p50Ms: 2 }),
    line("Lockstep, Attach", 100, 1, { contended: true, arrivalOrderKept: false }),
  ];
  expect(goal(lines, "1 caller, p50, to redlock")).toMatchObject({ figure: 1.5, met: false });
  const order = "one lock for all, granted in the order of arrival";
  expect(goal(lines, order)).toMatchObject({ kind: "gate", figure: false, met: false });
});
