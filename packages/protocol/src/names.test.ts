import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareNames, nameProblem, textProblem } from "./names.ts";

const RUNS = 2_000;

// Code points of every length in UTF-8 and UTF-16, at both ends of each range.
const codePoint = fc.constantFrom(
  ...["a", "b", "\u007e", "\u00a0", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff"],
  ...["\u{10000}", "\u{1f512}", "\u{10ffff}"],
);
const name = fc.oneof(
  fc.array(codePoint, { maxLength: 6 }).map((points) => points.join("")),
  fc.string({ unit: "binary" }),
);

describe("compareNames", () => {
  it("orders names as their UTF-8 bytes are ordered [GEN-42]", () => {
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(Math.sign(compareNames(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: RUNS },
    );
  });

  it("puts code points above U+FFFF behind all others, unlike the order of strings [GEN-42]", () => {
    expect(compareNames("\uffff", "\u{10000}")).toBeLessThan(0);
    expect("\uffff" < "\u{10000}").toBe(false);
    expect(compareNames("a", "ab")).toBeLessThan(0);
    expect(compareNames("a", "a")).toBe(0);
  });
});

describe("nameProblem", () => {
  it.each(["a", " ", "orders/42", "\u00a0", "\ud7ff", "\u{1f512}", "e\u0301"])(
    "has nothing against %j",
    (good) => {
      expect(nameProblem(good)).toBeUndefined();
    },
  );

  it("wants at least one byte and at most 512, counted as UTF-8 [GEN-40]", () => {
    expect(nameProblem("")).toBe("must not be empty");
    for (const [unit, bytes] of [
      ["a", 1],
      ["\u00e9", 2],
      ["\u20ac", 3],
      ["\u{1f512}", 4],
    ] as const) {
      const most = unit.repeat(Math.floor(512 / bytes));
      expect(nameProblem(most)).toBeUndefined();
      expect(nameProblem(most + unit)).toMatch(/longer than 512 bytes/);
    }
  });

  it("wants no control characters, anywhere [GEN-40]", () => {
    for (let unit = 0; unit <= 0xa0; unit++) {
      const isControl = unit <= 0x1f || (unit >= 0x7f && unit <= 0x9f);
      const problem = nameProblem(`a${String.fromCharCode(unit)}b`);
      if (isControl) expect(problem).toMatch(/control characters/);
      else expect(problem).toBeUndefined();
    }
  });

  it("wants no unpaired surrogates [GEN-40]", () => {
    for (const bad of ["\ud83d", "a\udd12", "\udd12\ud83d", "\ud83d\ud83d\udd12"])
      expect(nameProblem(bad)).toMatch(/unpaired surrogates/);
  });
});

describe("textProblem", () => {
  it("lets a text be empty, and as long as it is told [GEN-44]", () => {
    expect(textProblem("", 3)).toBeUndefined();
    expect(textProblem("\u20ac", 3)).toBeUndefined();
    expect(textProblem("\u20aca", 3)).toMatch(/longer than 3 bytes/);
    expect(textProblem("a\nb", 9)).toMatch(/control characters/);
  });

  it("counts the bytes that are sent", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const bytes = Buffer.byteLength(text);
        const problems = [textProblem(text, bytes), textProblem(text, bytes - 1)];
        const good = problems[0] === undefined;
        if (good && bytes > 0) expect(problems[1]).toMatch(/longer than/);
        if (!good) expect(problems[0]).toMatch(/control characters/);
      }),
      { numRuns: RUNS },
    );
  });
});
