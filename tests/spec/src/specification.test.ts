import { describe, expect, test } from "vitest";
import { coverageOfRepository, unnamed } from "./coverage.ts";
import { show } from "./finding.ts";

const coverage = coverageOfRepository();

describe("the specification", () => {
  test("has chapters, and tests that name their requirements", () => {
    const ids = coverage.requirements.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(["GEN-1", "SES-1", "LOCK-1", "REC-1"]));
    expect(coverage.references.map(({ path }) => path)).toContain(
      "packages/protocol/src/fence.test.ts",
    );
  });

  test("has a test for every MUST", () => {
    expect(unnamed(coverage).map(({ id, text }) => `${id} ${text}`)).toEqual([]);
  });

  test("keeps its form, and tests name only what it has", () => {
    expect(coverage.findings.map(show)).toEqual([]);
  });
});
