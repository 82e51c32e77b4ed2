import { expect, test } from "vitest";
import { killRun } from "./kill-run.ts";
import { violationsOf } from "./verdict.ts";

const SHORT = { replicas: 2, kills: 8, seconds: 0, seed: 3 };

test("writer, server and replicas killed under load end with equal logs, rows and roots [DATA-28, DATA-40, DATA-42, REP-70, REP-71, REP-72]", async () => {
  const result = await killRun(SHORT, (progress) => console.error(progress));
  expect(violationsOf(result)).toEqual([]);
  // All of them were among those killed, and a replica had to begin anew.
  expect(result.kills.size).toBe(SHORT.replicas + 2);
  expect(result.acknowledged.length).toBeGreaterThan(SHORT.kills);
  expect(result.filesLost).toBeGreaterThan(0);
}, 300_000);
