import { expect, it } from "vitest";
import { goalsOf } from "./goals.ts";
import type { Figures, Line, Part } from "./trial.ts";

function line(part: Part, system: string, of: string, figures: Figures): Line {
  return { part, system, of, rounds: 1, figures };
}

function goal(lines: readonly Line[], name: string) {
  return goalsOf(lines, []).find((each) => each.name === name);
}

it("compares appends of as many callers, and not batches with single changes", () => {
  const lines = [
    line("append", "Lockstep", "64 callers, batches of 100", { perSecond: 9_000 }),
    line("append", "Lockstep", "64 callers", { perSecond: 300 }),
    line("append", "NATS JetStream", "64 callers", { perSecond: 200 }),
  ];
  const name = "64 callers, appends/s, to JetStream";
  expect(goal(lines, name)).toMatchObject({ kind: "gate", figure: 1.5, met: true });
  expect(goal(lines.slice(0, 2), name)).toMatchObject({ figure: null, met: null });
});

it("judges the digest by its share of what a change costs server and replica", () => {
  const lines = [
    line("digest", "Lockstep", "hashes, sums and root", { digestUs: 6 }),
    line("append", "Lockstep", "1 callers, batches of 100", { serverCpuUs: 50 }),
    line("catchUp", "Lockstep", "subscription", { ownCpuUs: 1 }),
    line("catchUp", "Lockstep", "replica on SQLite", { ownCpuUs: 30 }),
  ];
  const append = "digest, percent of an append in batches";
  expect(goal(lines, append)).toMatchObject({ figure: 12, met: true });
  const apply = "digest, percent of applying a change";
  expect(goal(lines, apply)).toMatchObject({ figure: 20, met: false });
});

it("is not content with a repair that mends other rows, too", () => {
  const name = "rows changed by hand that were repaired, and no others";
  const repaired = (found: number) => [line("repair", "Lockstep", "10 of 100 rows", { found })];
  expect(goal(repaired(10), name)).toMatchObject({ kind: "gate", met: true });
  expect(goal(repaired(11), name)).toMatchObject({ figure: 11, met: false });
});

it("compares when a change is applied with the append of the same changes", () => {
  const lines = [
    line("applied", "Lockstep", "subscription", { p50Ms: 9, appendP50Ms: 1 }),
    line("applied", "Lockstep", "replica on SQLite", { p50Ms: 3, appendP50Ms: 2 }),
  ];
  const name = "until applied p50, to the append's own";
  expect(goal(lines, name)).toMatchObject({ kind: "aim", figure: 1.5, met: true });
});
