import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { attack } from "./attack.ts";
import { broken, type Mutant, pathOf, testPathOf } from "./mutant.ts";
import { writeReport } from "./report.ts";
import { repository } from "./scratch.ts";
import { mutants, replicationMutants } from "./table.ts";

/** How many rules the table has at least. */
const MUTANTS_MIN = 70;

/** How many of them are of replication at least. */
const REPLICATION_MUTANTS_MIN = 20;

/** How many copies are broken at once. */
const COPIES = 2;

const example: Mutant = {
  name: "example",
  rule: "An example holds.",
  package: "core",
  file: "step.ts",
  edits: [{ search: "a + b", replacement: "a - b" }],
  testFile: "step.test.ts",
  test: "adds",
};

function read(path: string): string {
  return readFileSync(join(repository, path), "utf8");
}

describe("The table of mutants", () => {
  it("has names of their own for enough rules", () => {
    expect(mutants.length).toBeGreaterThanOrEqual(MUTANTS_MIN);
    expect(replicationMutants.length).toBeGreaterThanOrEqual(REPLICATION_MUTANTS_MIN);
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    "breaks just what it says: %s",
    (_, mutant) => {
      const text = read(pathOf(mutant));
      expect(broken(mutant, text)).not.toBe(text);
      expect(read(testPathOf(mutant))).toContain(mutant.test);
    },
  );

  it("refuses to break what is not there, or there twice", () => {
    expect(broken(example, "sum = a + b")).toBe("sum = a - b");
    expect(() => broken(example, "sum = a * b")).toThrow("0 places");
    expect(() => broken(example, "a + b + a + b")).toThrow("2 places");
  });
});

it("each rule of safety that is broken is noticed by the test named for it", async () => {
  const verdicts = await attack(mutants, COPIES);
  writeReport(verdicts);
  const survivors = verdicts
    .filter(({ killedBy }) => killedBy === undefined)
    .map(({ mutant, why }) => `${mutant.name}: ${why}`);
  expect(verdicts).toHaveLength(mutants.length);
  expect(survivors.join("\n")).toBe("");
}, 1_800_000);
