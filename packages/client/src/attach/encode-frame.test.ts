import { create, toBinary } from "@bufbuild/protobuf";
import {
  AttachCallSchema,
  AttachRequestSchema,
  CancelAcquireRequestSchema,
  SessionRefSchema,
} from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrame } from "./encode-frame.ts";

const uint64 = fc.oneof(fc.constant(0n), fc.bigInt(0n, 300n), fc.bigInt(0n, 2n ** 64n - 1n));
const int64 = fc.oneof(fc.bigInt(0n, 20_000n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n));
const text = fc.oneof(
  fc.constant(""),
  fc.string({ maxLength: 300 }),
  fc.string({ unit: "grapheme", maxLength: 300 }),
);
const bytes = fc.oneof(fc.constant(new Uint8Array()), fc.uint8Array({ maxLength: 5_000 }));
const answered = fc.array(fc.record({ first: uint64, last: uint64 }), { maxLength: 20 });
const session = fc.option(fc.record({ namespace: text, sessionId: uint64, secret: bytes }), {
  nil: undefined,
});
const rarely = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const inSession = { requestId: uint64, answered, correlationId: text, session };

const acquire = fc.record({
  ...inSession,
  targets: fc.array(fc.record({ key: text, mode: fc.nat(4), permits: fc.nat(2 ** 31) }), {
    maxLength: 5,
  }),
  owner: text,
  waitMs: int64,
  pollTimeoutMs: int64,
  reentrancy: fc.nat(2),
  maxHoldMs: int64,
  onLoss: fc.option(fc.record({ action: fc.nat(3), delayMs: int64 }), { nil: undefined }),
  value: bytes,
  metadata: fc.dictionary(text, text, { maxKeys: 2, noNullPrototype: true }),
  deadlockPriority: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
});
const release = fc.record({ ...inSession, holdId: uint64, token: uint64 });
const keepAlive = fc.record({ seq: uint64, seenRevision: uint64, answered, session });
const append = fc.record({
  namespace: text,
  dataset: text,
  changes: fc.array(
    fc.record({
      op: fc.nat(3),
      key: bytes,
      value: bytes,
      schemaVersion: fc.nat(),
      idempotencyKey: text,
      expectedKeySeq: rarely(uint64),
    }),
    { maxLength: 4 },
  ),
  fence: rarely(fc.record({ key: text, token: uint64 })),
  expectedHeadSeq: rarely(uint64),
  sinceSeq: rarely(uint64),
  durability: fc.option(fc.record({ mode: fc.nat(3), replicas: fc.nat(3) }), { nil: undefined }),
  replicationTimeoutMs: int64,
  origin: text,
  correlationId: text,
});
const cancelAcquire = fc.record({ ...inSession, acquireRequestId: uint64 });

const request = fc.oneof(
  acquire.map((value) => ({ case: "acquire", value })),
  release.map((value) => ({ case: "release", value })),
  keepAlive.map((value) => ({ case: "keepAlive", value })),
  append.map((value) => ({ case: "append", value })),
  cancelAcquire.map((value) => ({ case: "cancelAcquire", value })),
  fc.constant({ case: undefined }),
);
const call = fc
  .record({ callId: uint64, timeoutMs: int64, traceparent: text, request })
  .map((init) => create(AttachCallSchema, init as never));
const frame = fc
  .record({ open: session, calls: fc.array(call, { maxLength: 30 }) })
  .map(({ open, calls }) =>
    create(AttachRequestSchema, { calls, ...(open && { open: create(SessionRefSchema, open) }) }),
  );

describe("a frame", () => {
  test("is encoded byte for byte as the protobuf library does", () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 4 }), (frames) => {
        const encoded = frames.map(encodeFrame);
        // Only now: one must not be written over another.
        expect(encoded.map((one) => Buffer.from(one).toString("hex"))).toEqual(
          frames.map((one) => Buffer.from(toBinary(AttachRequestSchema, one)).toString("hex")),
        );
      }),
    );
  });

  test("that cannot be encoded leaves nothing before the next one", () => {
    const good = create(AttachCallSchema, {
      callId: 1n,
      request: { case: "release", value: { requestId: 1n, holdId: 2n, token: 2n } },
    });
    const bad = create(AttachCallSchema, {
      request: {
        case: "cancelAcquire",
        value: create(CancelAcquireRequestSchema, { acquireRequestId: -1n }),
      },
    });
    expect(() => encodeFrame(create(AttachRequestSchema, { calls: [good, bad] }))).toThrow();
    const next = create(AttachRequestSchema, { calls: [good] });
    expect(encodeFrame(next)).toEqual(toBinary(AttachRequestSchema, next));
  });
});
