import { expect, it } from "vitest";
import { measureMemory } from "./memory.ts";
import { memoryTable } from "./table.ts";

it("measures memory, a restart and keep-alives, in its short form", async () => {
  const report = await measureMemory({
    sessions: 120,
    holds: 3_000,
    keepAliveMs: 100,
    keepAlivesForMs: 200,
    progress: () => undefined,
  });
  expect(report.bytesPerHold).toBeGreaterThan(0);
  expect(report.startMs.recovery).toBeGreaterThan(0);
  expect(report.keepAlives.perSecond).toBeGreaterThan(0);
  // All of it is still held by the server that was started again.
  const { warm, restarted } = report.footprints;
  expect(restarted.usedBytes).toBeGreaterThan(warm.usedBytes);
  expect(report.goals.every(({ met }) => met !== null)).toBe(true);
  expect(memoryTable(report)).toContain("3,000 locks held");
});
