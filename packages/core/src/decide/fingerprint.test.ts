import { create } from "@bufbuild/protobuf";
import {
  type AcquireRequest,
  AcquireRequestSchema,
  LockMode,
  OnLossAction,
  Reentrancy,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { acquireFingerprint } from "./fingerprint.ts";

type Init = Parameters<typeof create<typeof AcquireRequestSchema>>[1];

const BASE = {
  requestId: 1n,
  targets: [{ key: "a", mode: LockMode.EXCLUSIVE, permits: 0 }],
  owner: "job",
  waitMs: 5n,
};

function fingerprintOf(change: Init = {}): bigint {
  return acquireFingerprint(create(AcquireRequestSchema, { ...BASE, ...change }) as AcquireRequest);
}

const OTHERS: Init[] = [
  { owner: "" },
  { waitMs: 6n },
  { targets: [] },
  { targets: [{ key: "b", mode: LockMode.EXCLUSIVE }] },
  { targets: [{ key: "a", mode: LockMode.SHARED }] },
  { targets: [{ key: "a", mode: LockMode.PERMITS, permits: 1 }] },
  { targets: [{ key: "a", mode: LockMode.PERMITS, permits: 2 }] },
  { targets: [...BASE.targets, { key: "b", mode: LockMode.EXCLUSIVE }] },
  { reentrancy: Reentrancy.COUNT },
  { maxHoldMs: 1n },
  { maxHoldMs: 12n },
  { onLoss: { action: OnLossAction.DELAY, delayMs: 1n } },
  { onLoss: { action: OnLossAction.DELAY, delayMs: 2n } },
  { onLoss: { action: OnLossAction.QUARANTINE } },
  { value: new Uint8Array([0]) },
  { value: new Uint8Array([0, 0]) },
  { value: new Uint8Array([1]) },
  { metadata: { a: "b" } },
  { metadata: { a: "c" } },
  { metadata: { a: "" } },
  { metadata: { a: "b", b: "c" } },
  { deadlockPriority: 1 },
  { deadlockPriority: -1 },
];

describe("The content of an Acquire", () => {
  it("is told apart by each of its fields [GEN-63]", () => {
    const all = [fingerprintOf(), ...OTHERS.map(fingerprintOf)];
    expect(new Set(all).size).toBe(all.length);
  });

  it("is the same however a default is written, and in whatever order metadata comes", () => {
    const same: Init[] = [
      { reentrancy: Reentrancy.REJECT },
      { onLoss: { action: OnLossAction.RELEASE } },
      { onLoss: {} },
      { metadata: {} },
    ];
    for (const change of same) expect(fingerprintOf(change)).toBe(fingerprintOf());
    expect(fingerprintOf({ metadata: { a: "1", b: "2" } })).toBe(
      fingerprintOf({ metadata: { b: "2", a: "1" } }),
    );
  });

  it("is neither the time of its poll, nor what it confirms, nor how it is traced", () => {
    const change: Init = {
      requestId: 2n,
      pollTimeoutMs: 9n,
      correlationId: "c",
      answered: [{ first: 1n, last: 1n }],
    };
    expect(fingerprintOf(change)).toBe(fingerprintOf());
  });
});
