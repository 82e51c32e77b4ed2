import { describe, expect, it } from "vitest";
import { compareLocks } from "./locks.ts";
import { measure, medianRound } from "./measure.ts";
import { table } from "./table.ts";

describe("the lock benchmark", () => {
  it("measures every contestant with every number of callers, in its short form", async () => {
    const progress: string[] = [];
    const report = await compareLocks({
      groups: ["commit", "ping-pong", "lockstep", "redis", "etcd-debian", "postgres"],
      callers: [1, 8],
      contending: 4,
      rounds: 1,
      durationMs: 100,
      progress: (text) => progress.push(text),
    });
    const measured = report.lines.map(
      ({ name, callers, contended }) => `${name} ${callers}${contended ? " contended" : ""}`,
    );
    expect(measured).toEqual(
      expect.arrayContaining([
        "raw SQLite commit 1",
        "raw HTTP/2 ping-pong 1",
        "raw HTTP/2 ping-pong 8",
        "Lockstep, Attach 1",
        "Lockstep, Attach 8",
        "Lockstep, Attach 4 contended",
        "Lockstep, unary 1",
        "Lockstep, unary 8",
      ]),
    );
    // A peer is measured or named as missing, nothing else.
    const peers = { redis: "Redis", "etcd-debian": "etcd of Debian", postgres: "PostgreSQL" };
    for (const [group, name] of Object.entries(peers)) {
      const lines = measured.filter((line) => line.startsWith(name));
      expect(lines.length > 0).toBe(!(group in report.missing));
    }
    for (const line of report.lines) {
      expect(line.cycles).toBeGreaterThan(0);
      expect(line.p99Ms).toBeGreaterThanOrEqual(line.p50Ms);
    }
    expect(progress).toHaveLength(2 * report.lines.length);
    for (const { name } of report.lines) expect(table(report)).toContain(name);
  });

  it("counts the cycles of all callers", async () => {
    const seen = new Set<number>();
    const round = await measure(3, 1, async (caller) => void seen.add(caller));
    expect([...seen].sort()).toEqual([0, 1, 2]);
    expect(round.cycles).toBeGreaterThanOrEqual(3);
  });

  it("takes the middle of every figure", () => {
    const round = (n: number) => ({ perSecond: n, p50Ms: 10 - n, p99Ms: 20 - n, cycles: 1 });
    expect(medianRound([1, 9, 2].map(round))).toEqual({
      perSecond: 2,
      p50Ms: 8,
      p99Ms: 18,
      cycles: 3,
    });
  });
});
