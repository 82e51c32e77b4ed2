import { expect, test } from "vitest";
import { missingMarks } from "../marks/expected.ts";
import { runSeeds } from "./many-seeds.ts";
import { seedsOfHalf } from "./testing-support/halves.ts";

test("no seed of this half breaks a rule, and all marks are met", async () => {
  const { seeds, failures, marks } = await runSeeds(seedsOfHalf(1), () => true);
  expect(failures).toEqual([]);
  expect(missingMarks(marks.counts, seeds)).toEqual([]);
  expect(seeds).toBe(500);
}, 600_000);
