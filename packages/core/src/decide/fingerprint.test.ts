import { create } from "@bufbuild/protobuf";
import {
  type AcquireRequest,
  AcquireRequestSchema,
  CancelAcquireRequestSchema,
  ConvertRequestSchema,
  LockMode,
  OnLossAction,
  Reentrancy,
  ReleaseRequestSchema,
  SetValueRequestSchema,
  TransferRequestSchema,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  acquireFingerprint,
  cancelFingerprint,
  closeFingerprint,
  convertFingerprint,
  releaseFingerprint,
  setValueFingerprint,
  transferFingerprint,
} from "./fingerprint.ts";

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

// Journals and snapshots keep fingerprints: another value would make a repeat after an update a misuse of its id.
it("is what the first version made of a request", () => {
  const ofHold = { holdId: 9n, token: 10n };
  const all = fingerprintOf({
    targets: [
      { key: "a/ü€", mode: LockMode.EXCLUSIVE },
      { key: "b", mode: LockMode.UPGRADABLE, permits: 2 },
    ],
    reentrancy: Reentrancy.COUNT,
    maxHoldMs: 12n,
    onLoss: { action: OnLossAction.DELAY, delayMs: 7n },
    deadlockPriority: -1,
    value: new Uint8Array([0, 255]),
    metadata: { b: "2", a: "1" },
  });
  expect(all).toBe(14677428401248255787n);
  expect(releaseFingerprint(create(ReleaseRequestSchema, ofHold))).toBe(16713237456282029172n);
  expect(cancelFingerprint(create(CancelAcquireRequestSchema, { acquireRequestId: 3n }))).toBe(
    14193430911036109267n,
  );
  const convert = {
    ...ofHold,
    key: "k",
    mode: LockMode.EXCLUSIVE,
    waitMs: 5n,
    deadlockPriority: -1,
  };
  expect(convertFingerprint(create(ConvertRequestSchema, convert))).toBe(11382506813963636551n);
  const transfer = { ...ofHold, toSessionId: 4n, toRequestId: 5n };
  expect(transferFingerprint(create(TransferRequestSchema, transfer))).toBe(8126136558223667332n);
  const set = { ...ofHold, value: new Uint8Array([0, 255]) };
  expect(setValueFingerprint(create(SetValueRequestSchema, set))).toBe(9659204099828633767n);
  expect(closeFingerprint()).toBe(2867450613344994400n);
});
