import { describe, expect, it } from "vitest";
import { compareLocks } from "./compare.ts";
import { type Contestant, PeerMissingError } from "./contestant.ts";
import { groupsNamed, type StartGroup } from "./groups.ts";
import { table } from "./table.ts";

describe("the lock benchmark", () => {
  it("measures every contestant with every number of callers, in its short form", async () => {
    const progress: string[] = [];
    const report = await compareLocks({
      groups: groupsNamed(["commit", "ping-pong", "lockstep", "redis", "etcd-debian", "postgres"]),
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
    expect(report.failures).toEqual([]);
    const ours = report.lines.find(({ name, contended }) => contended && name.startsWith("Lock"));
    expect(ours).toMatchObject({ arrivalOrderKept: true });
    expect(ours?.contention?.handOverP50Ms).toBeGreaterThan(0);
    expect(progress).toHaveLength(2 * report.lines.length);
    for (const { name } of report.lines) expect(table(report)).toContain(name);
  });

  it("names what fails, and goes on with the others", async () => {
    const steps: string[] = [];
    let round = 0;
    const contestant = (name: string, cycle: () => Promise<void>): Contestant => ({
      name,
      callers: 1,
      contended: false,
      work: { cycle },
      prepare: async () => void steps.push(`${name} prepared`),
      finish: async () => void steps.push(`${name} finished`),
    });
    const sound = contestant("sound", async () => undefined);
    const once = contestant("once", async () => {
      if (++round === 3) throw new Error("lease lost");
    });
    const never = contestant("never", () => Promise.reject(new Error("not granted")));
    const group = (...contestants: Contestant[]) => ({
      contestants,
      version: "1",
      close: async () => void steps.push("closed"),
    });
    const groups: Record<string, StartGroup> = {
      broken: () => Promise.reject(new Error("no port")),
      absent: () => Promise.reject(new PeerMissingError("not installed")),
      all: async () => group(once, never, sound),
    };
    const sizes = { callers: [1], contending: 1 };
    const progress = () => undefined;
    const report = await compareLocks({ groups, ...sizes, rounds: 2, durationMs: 1, progress });

    const failed = report.failures.map(({ name, during, error }) => `${during}: ${name}: ${error}`);
    expect(failed[0]).toBe("start: broken: Error: no port");
    expect(failed.filter((each) => each.includes("never"))).toHaveLength(3);
    expect(failed.filter((each) => each.includes("once"))).toHaveLength(1);
    expect(report.missing).toEqual({ absent: "not installed" });
    expect(report.lines.map(({ name }) => name)).toEqual(["once", "sound"]);
    for (const step of ["prepared", "finished"]) {
      expect(steps.filter((each) => each.endsWith(step))).toHaveLength(9);
    }
    expect(steps.at(-1)).toBe("closed");
    expect(table(report)).toContain("round 1: never, 1 callers, a lock each: Error: not granted");
  });
});
