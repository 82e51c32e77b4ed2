import { LockMode, OnLossAction, Reentrancy } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { TEXT_LENGTH_MAX, WAIT_MS_MAX, wishOf } from "./wish.ts";

describe("what an acquire asks for", () => {
  test("is the key alone, waited for as long as may be, when nothing else is said", () => {
    const { targets, request } = wishOf("a", {});
    expect(targets).toEqual([{ key: "a", mode: "EXCLUSIVE", permits: 0 }]);
    expect(request).toMatchObject({
      targets: [{ key: "a", mode: LockMode.EXCLUSIVE, permits: 0 }],
      owner: "",
      waitMs: BigInt(WAIT_MS_MAX),
      maxHoldMs: 0n,
      reentrancy: Reentrancy.REJECT,
      deadlockPriority: 0,
      correlationId: "",
      metadata: {},
    });
    expect(request.onLoss).toBeUndefined();
    expect(request.value).toHaveLength(0);
  });

  test("is everything that is said", () => {
    const { request } = wishOf("a", {
      mode: "SHARED",
      waitMs: 5,
      owner: "task",
      reentrancy: "count",
      maxHoldMs: 60_000,
      onLoss: { delayMs: 7 },
      value: "é",
      metadata: { team: "x" },
      deadlockPriority: -3,
      correlationId: "c",
    });
    expect(request).toMatchObject({
      targets: [{ key: "a", mode: LockMode.SHARED }],
      waitMs: 5n,
      owner: "task",
      reentrancy: Reentrancy.COUNT,
      maxHoldMs: 60_000n,
      onLoss: { action: OnLossAction.DELAY, delayMs: 7n },
      metadata: { team: "x" },
      deadlockPriority: -3,
      correlationId: "c",
    });
    expect([...request.value]).toEqual([0xc3, 0xa9]);
  });

  test.each([
    ["release", OnLossAction.RELEASE],
    ["quarantine", OnLossAction.QUARANTINE],
  ] as const)("may be to %s the keys of a lost lock", (onLoss, action) => {
    expect(wishOf("a", { onLoss }).request.onLoss).toMatchObject({ action, delayMs: 0n });
  });

  test("are several keys, each as it says, the others as the options say", () => {
    const what = ["a", { key: "b", mode: "EXCLUSIVE" }, { key: "c", permits: 3 }] as const;
    expect(wishOf(what, { mode: "SHARED" }).targets).toEqual([
      { key: "a", mode: "SHARED", permits: 0 },
      { key: "b", mode: "EXCLUSIVE", permits: 0 },
      { key: "c", mode: "PERMITS", permits: 3 },
    ]);
    expect(wishOf(what, { permits: 2 }).targets).toEqual([
      { key: "a", mode: "PERMITS", permits: 2 },
      { key: "b", mode: "EXCLUSIVE", permits: 0 },
      { key: "c", mode: "PERMITS", permits: 3 },
    ]);
    expect(wishOf({ key: "d", mode: "PERMITS" }, {}).targets).toEqual([
      { key: "d", mode: "PERMITS", permits: 1 },
    ]);
  });

  test.each([
    ["no key", [], {}, TypeError, /at least one key/],
    ["a mode that is none", "a", { mode: "exclusive" }, TypeError, /mode is one of EXCLUSIVE/],
    ["permits without their mode", { key: "a", mode: "SHARED", permits: 1 }, {}, TypeError, /PERM/],
    ["no permits", "a", { permits: 0 }, RangeError, /permits/],
    ["half a permit", "a", { permits: 1.5 }, RangeError, /permits/],
    ["more permits than can be sent", "a", { permits: 2 ** 32 }, RangeError, /permits/],
    ["a delay of nothing", "a", { onLoss: { delayMs: 0 } }, RangeError, /delayMs/],
    ["an unknown action", "a", { onLoss: "wait" }, TypeError, /onLoss/],
    ["a negative longest hold", "a", { maxHoldMs: -1 }, RangeError, /maxHoldMs/],
    ["a priority out of bounds", "a", { deadlockPriority: 2 ** 31 }, RangeError, /deadlockP/],
    ["half a character", "a\ud800", {}, TypeError, /unpaired surrogate/],
    ["half a character of metadata", "a", { metadata: { x: "\ud800" } }, TypeError, /surrogate/],
    ["too much text", "a", { owner: "x".repeat(TEXT_LENGTH_MAX) }, RangeError, /characters/],
  ])("is not %s", (_, what, options, type, message) => {
    const wish = () => wishOf(what as never, options as never);
    expect(wish).toThrow(type);
    expect(wish).toThrow(message);
  });
});
