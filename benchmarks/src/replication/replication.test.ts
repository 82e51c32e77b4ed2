import { describe, expect, it } from "vitest";
import { PeerMissingError } from "../locks/contestant.ts";
import { compareReplication } from "./replication.ts";
import type { System } from "./system.ts";
import { type StartSystem, systemsNamed } from "./systems.ts";
import { replicationTable } from "./table.ts";
import { PARTS, type Part } from "./trial.ts";

const SHORT = {
  rounds: 1,
  largeRounds: 1,
  durationMs: 100,
  callers: [1, 8],
  batchCallers: [2],
  followers: [1, 3],
  changes: 2_000,
  stalled: 2,
  growing: [100, 1_000],
};
const ALL_PARTS = [...(Object.keys(PARTS) as Part[]), "growth" as const];

describe("the replication benchmark", () => {
  it("measures every part of every system, in its short form", async () => {
    const systems = systemsNamed(["lockstep", "redis-streams"]);
    const progress = () => undefined;
    const report = await compareReplication({ ...SHORT, systems, parts: ALL_PARTS, progress });
    expect(report.failures).toEqual([]);
    const measured = report.lines.map(({ part, system, of }) => `${part} ${system} ${of}`);
    expect(measured).toEqual(
      expect.arrayContaining([
        "append Lockstep 1 callers",
        "append Lockstep 8 callers",
        "append Lockstep 2 callers, batches of 100",
        "applied Lockstep subscription",
        "applied Lockstep replica on SQLite",
        "fanOut Lockstep 3 × subscription",
        "digest Lockstep hashes, sums and root",
        "catchUp Lockstep subscription",
        "catchUp Lockstep replica on SQLite",
        "snapshot Lockstep subscription",
        "snapshot Lockstep replica on SQLite",
        "repair Lockstep 10 of 2,000 rows",
        "memory Lockstep 2,000 rows, 2 stalled",
      ]),
    );
    // A peer is measured or named as missing, nothing else.
    const redis = measured.some((line) => line.includes("Redis Streams"));
    expect(redis).toBe(!("redis-streams" in report.missing));
    const repair = report.lines.find(({ part }) => part === "repair")?.figures;
    expect(repair).toMatchObject({ found: 10, roundTrips: 3 });
    expect(report.series.map(({ points }) => points.map(({ size }) => size))).toEqual([
      SHORT.growing,
      SHORT.growing,
    ]);
    const text = replicationTable(report);
    for (const { of } of report.lines) expect(text).toContain(of);
  });

  it("names what fails, and goes on with the others", async () => {
    const systems: Record<string, StartSystem> = {
      broken: () => Promise.reject(new Error("no port")),
      absent: () => Promise.reject(new PeerMissingError("not installed")),
      refusing: async () => systemThat(() => Promise.reject(new Error("disk full"))),
      sound: async () => systemThat(async () => undefined),
    };
    const parts = ["append" as const];
    const progress = () => undefined;
    const report = await compareReplication({ ...SHORT, systems, parts, progress });
    expect(report.missing).toEqual({ absent: "not installed" });
    expect(report.failures[0]).toEqual({
      name: "broken",
      during: "start",
      error: "Error: no port",
    });
    expect(report.failures.slice(1).every(({ error }) => error === "Error: disk full")).toBe(true);
    expect(report.lines).toHaveLength(3);
    expect(replicationTable(report)).toContain(
      "round 1: append: test, 8 callers: Error: disk full",
    );
  });
});

function systemThat(append: () => Promise<void>): System {
  return {
    name: "test",
    version: "1",
    open: async () => ({ append, followers: {}, snapshots: {} }),
    close: async () => undefined,
  };
}
