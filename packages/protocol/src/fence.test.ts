import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FenceGuard, formatSequencer, parseSequencer } from "./fence.ts";
import { LockMode } from "./gen/lockstep/v1/common_pb.ts";
import { nameProblem } from "./names.ts";

const RUNS = 1_000;
const { EXCLUSIVE, SHARED, UPGRADABLE, PERMITS } = LockMode;

const key = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .filter((text) => nameProblem(text) === undefined);
const token = fc.bigInt(1n, 2n ** 63n - 1n);
const mode = fc.constantFrom(EXCLUSIVE, SHARED, UPGRADABLE, PERMITS);

describe("A printed sequencer", () => {
  it("reads as key, mode and token [LOCK-135]", () => {
    const sequencer = { key: "orders", mode: EXCLUSIVE, token: 42n };
    expect(formatSequencer(sequencer)).toBe("orders/EXCLUSIVE/42");
  });

  it("comes back whole, whatever the key is [LOCK-135]", () => {
    fc.assert(
      fc.property(key, mode, token, (anyKey, anyMode, anyToken) => {
        const sequencer = { key: anyKey, mode: anyMode, token: anyToken };
        expect(parseSequencer(formatSequencer(sequencer))).toEqual(sequencer);
      }),
      { numRuns: RUNS },
    );
  });

  it.each(["a/b/c", "/", "a//b", "a/EXCLUSIVE/1", "\u2028"])(
    "comes back whole for %j [LOCK-135]",
    (odd) => {
      const sequencer = { key: odd, mode: EXCLUSIVE, token: 2n ** 63n - 1n };
      expect(parseSequencer(formatSequencer(sequencer))).toEqual(sequencer);
    },
  );

  it.each([
    ["", /form key\/mode\/token/],
    ["a/EXCLUSIVE", /form key\/mode\/token/],
    ["a/EXCLUSIVE/", /form key\/mode\/token/],
    ["a/EXCLUSIVE/-1", /form key\/mode\/token/],
    ["a/EXCLUSIVE/1 ", /form key\/mode\/token/],
    ["a/EXCLUSIVE/1\n", /form key\/mode\/token/],
    ["a/EXCLUSIVE/12345678901234567890", /form key\/mode\/token/],
    ["a/exclusive/1", /mode is one of EXCLUSIVE/],
    ["a/UNSPECIFIED/1", /mode is one of EXCLUSIVE, SHARED, UPGRADABLE, PERMITS$/],
    ["/EXCLUSIVE/1", /key must not be empty/],
    ["a\nb/EXCLUSIVE/1", /key must not contain control characters/],
    ["a/EXCLUSIVE/0", /token is 1 to 2\^63 - 1/],
    ["a/EXCLUSIVE/9223372036854775808", /token is 1 to 2\^63 - 1/],
  ])("is refused as %j", (text, problem) => {
    expect(() => parseSequencer(text)).toThrow(TypeError);
    expect(() => parseSequencer(text)).toThrow(problem);
  });

  it("is not made for a mode without a name", () => {
    expect(() => formatSequencer({ key: "a", mode: LockMode.UNSPECIFIED, token: 1n })).toThrow(
      TypeError,
    );
  });
});

describe("FenceGuard", () => {
  it("refuses a token below the highest it has seen, and goes on admitting that one [LOCK-132]", () => {
    const guard = new FenceGuard();
    expect(guard.admit({ key: "a", mode: EXCLUSIVE, token: 5n })).toBe(true);
    expect(guard.admit({ key: "a", mode: EXCLUSIVE, token: 5n })).toBe(true);
    expect(guard.admit({ key: "a", mode: EXCLUSIVE, token: 4n })).toBe(false);
    expect(guard.admit({ key: "a", mode: EXCLUSIVE, token: 9n })).toBe(true);
    expect(guard.admit({ key: "a", mode: EXCLUSIVE, token: 5n })).toBe(false);
  });

  it("knows nothing of one key from another", () => {
    const guard = new FenceGuard();
    guard.admit({ key: "a", mode: EXCLUSIVE, token: 5n });
    expect(guard.admit({ key: "b", mode: EXCLUSIVE, token: 1n })).toBe(true);
  });

  it("lets older readers in beside newer ones, but not after a newer writer [LOCK-133]", () => {
    const guard = new FenceGuard();
    expect(guard.admit({ key: "a", mode: SHARED, token: 9n })).toBe(true);
    expect(guard.admit({ key: "a", mode: UPGRADABLE, token: 5n })).toBe(true);
    expect(guard.admit({ key: "a", mode: EXCLUSIVE, token: 8n })).toBe(false);
    expect(guard.admit({ key: "a", mode: EXCLUSIVE, token: 12n })).toBe(true);
    expect(guard.admit({ key: "a", mode: SHARED, token: 11n })).toBe(false);
    expect(guard.admit({ key: "a", mode: SHARED, token: 12n })).toBe(true);
  });

  it.each([
    [PERMITS, /^PERMITS cannot fence/],
    [LockMode.UNSPECIFIED, /cannot fence/],
    [99 as LockMode, /^mode 99 cannot fence/],
  ])("says that mode %s cannot fence, and remembers nothing of it [LOCK-133]", (odd, problem) => {
    const guard = new FenceGuard();
    const access = { key: "a", mode: odd, token: 9n };
    expect(() => guard.admit(access)).toThrow(TypeError);
    expect(() => guard.admit(access)).toThrow(problem);
    expect(guard.admit({ key: "a", mode: EXCLUSIVE, token: 1n })).toBe(true);
  });

  it("admits and refuses by two numbers for each key, as the contract says [LOCK-132, LOCK-133]", () => {
    const access = fc.record({
      key: fc.constantFrom("a", "b"),
      mode: fc.constantFrom(EXCLUSIVE, SHARED, UPGRADABLE),
      token: fc.bigInt(1n, 12n),
    });
    fc.assert(
      fc.property(fc.array(access, { maxLength: 40 }), (accesses) => {
        const guard = new FenceGuard();
        const admitted: typeof accesses = [];
        for (const one of accesses) {
          const rivals = admitted.filter(
            ({ key, mode }) => key === one.key && (one.mode === EXCLUSIVE || mode === EXCLUSIVE),
          );
          const expected = rivals.every(({ token: seen }) => one.token >= seen);
          expect(guard.admit(one)).toBe(expected);
          if (expected) admitted.push(one);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
