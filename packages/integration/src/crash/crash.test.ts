import { expect, test } from "vitest";
import { crashRun } from "./crash-run.ts";
import { violationsOf } from "./verdict.ts";

const FULL = { clients: 200, kills: 20, seed: 1 };

test("200 clients under load lose nothing when the server is killed 20 times [REC-2, LOCK-5]", async () => {
  const result = await crashRun(FULL, (progress) => console.error(progress));
  expect(violationsOf(result).join("\n")).toBe("");
  const { deadlinesPassed } = result.records;
  if (deadlinesPassed.size > 0) console.error(notKeptUp(deadlinesPassed.size));
  const seenBy = new Set(result.records.holds.map(({ client }) => client));
  expect(seenBy.size).toBe(FULL.clients);
}, 600_000);

function notKeptUp(clients: number): string {
  return `${clients} clients gave their session up by their own deadline: the machine did not keep up. All else was judged.`;
}
