import { create, toBinary } from "@bufbuild/protobuf";
import { AttachRequestSchema, ProtoReader } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { readFrame } from "./decode-frame.ts";

const NOT_EMPTY = Uint8Array.of(1);
const header = { answered: [{ first: 1n, last: 2n }], correlationId: "c" };
const keepAlive = { seq: 1n, seenRevision: 2n, answered: [{ first: 1n, last: 2n }] };
const acquire = {
  ...header,
  requestId: 1n,
  targets: [{ key: "k", mode: 1, permits: 1 }],
  owner: "o",
  waitMs: 5n,
  pollTimeoutMs: 6n,
  reentrancy: 1,
  maxHoldMs: 7n,
  value: NOT_EMPTY,
  deadlockPriority: 1,
};
const release = { ...header, requestId: 2n, holdId: 3n, token: 4n };
const change = { op: 1, key: NOT_EMPTY, value: NOT_EMPTY, schemaVersion: 1, idempotencyKey: "i" };
const append = {
  namespace: "n",
  dataset: "d",
  changes: [{ ...change, expectedKeySeq: 0n }],
  expectedHeadSeq: 0n,
  sinceSeq: 0n,
  durability: { mode: 2, replicas: 1 },
  replicationTimeoutMs: 7n,
  origin: "o",
  correlationId: "c",
};
const usual = Object.entries({ keepAlive, acquire, release, append }).flatMap(([name, request]) =>
  Object.entries(request).map(([field, value]) => [name, field, value] as const),
);

test.each(usual)("%s with %s is not left to the protobuf library", (name, field, value) => {
  const call = { request: { case: name, value: { [field]: value } } };
  const frame = create(AttachRequestSchema, { calls: [call] } as never);
  const reader = new ProtoReader(toBinary(AttachRequestSchema, frame));
  expect(readFrame(reader).calls).toEqual(frame.calls);
});
