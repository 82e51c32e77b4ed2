import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import {
  AcquireRequestSchema,
  AcquireResponseSchema,
  AppendDurabilitySchema,
  AppendedChangeSchema,
  AppendRequestSchema,
  AppendResponseSchema,
  AttachCallSchema,
  AttachReplySchema,
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
  AttachResponseSchema,
  EventSchema,
  GrantedSchema,
  KeepAliveRequestSchema,
  KeepAliveResponseSchema,
  NewChangeSchema,
  ReleaseRequestSchema,
  ReleaseResponseSchema,
  ReplyHeaderSchema,
} from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrame } from "./decode-frame.ts";
import { encodeFrame } from "./encode-frame.ts";

// What is left to the library is rare, so that most frames have nothing of it.
const oftenOf = <T>(often: fc.Arbitrary<T>, rarely: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 99, arbitrary: often }, { weight: 1, arbitrary: rarely });
const uint64 = oftenOf(fc.bigInt(0n, 2n ** 53n - 1n), fc.bigInt(0n, 2n ** 64n - 1n));
const int64 = oftenOf(fc.bigInt(0n, 1n << 40n), fc.constantFrom(-1n, 2n ** 62n));
const text = oftenOf(
  fc.oneof(fc.constantFrom("", "\ufeffkey"), fc.string(), fc.string({ unit: "grapheme" })),
  fc.string({ unit: "binary", maxLength: 200 }),
);
const enumeration = oftenOf(fc.nat(5), fc.constant(-1));
const answered = fc.array(fc.record({ first: uint64, last: uint64 }), { maxLength: 3 });
const targets = fc.array(
  fc.record({ key: text, mode: enumeration, permits: oftenOf(fc.nat(9), fc.nat(2 ** 32 - 1)) }),
  { maxLength: 3 },
);
const usual = {
  requestId: uint64,
  answered,
  targets,
  owner: text,
  waitMs: int64,
  pollTimeoutMs: int64,
  correlationId: text,
  reentrancy: enumeration,
  maxHoldMs: int64,
  value: fc.uint8Array({ maxLength: 300 }),
  deadlockPriority: enumeration,
};
const rare = fc.record(
  {
    ...usual,
    session: fc.record({ namespace: text, sessionId: uint64 }),
    onLoss: fc.record({ action: fc.nat(3) }),
    metadata: fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 }),
  },
  { requiredKeys: [] },
);
const acquire = oftenOf<object>(fc.record(usual, { requiredKeys: [] }), rare).map((value) => ({
  case: "acquire" as const,
  value: create(AcquireRequestSchema, value as never),
}));
const release = fc
  .record({ requestId: uint64, answered, holdId: uint64, token: uint64, correlationId: text })
  .map((value) => ({
    case: "release" as const,
    value: create(ReleaseRequestSchema, value as never),
  }));
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const change = fc.record({
  op: enumeration,
  key: fc.uint8Array({ maxLength: 40 }),
  value: fc.uint8Array({ maxLength: 300 }),
  schemaVersion: oftenOf(fc.nat(9), fc.nat(2 ** 32 - 1)),
  idempotencyKey: text,
  expectedKeySeq: maybe(uint64),
});
const usualAppend = {
  namespace: text,
  dataset: text,
  changes: fc.array(change, { maxLength: 3 }),
  expectedHeadSeq: maybe(uint64),
  sinceSeq: maybe(uint64),
  durability: maybe(fc.record({ mode: enumeration, replicas: fc.nat(3) })),
  replicationTimeoutMs: int64,
  origin: text,
  correlationId: text,
};
const fence = fc.record({ key: text, token: uint64 });
const append = oftenOf<object>(
  fc.record(usualAppend, { requiredKeys: [] }),
  fc.record({ ...usualAppend, fence }, { requiredKeys: [] }),
).map((value) => ({
  case: "append" as const,
  value: create(AppendRequestSchema, value as never),
}));
const session = fc.constantFrom(undefined, undefined, { namespace: "n", sessionId: 3n });
const keepAlive = fc
  .record({ seq: uint64, seenRevision: uint64, answered, session })
  .map((value) => ({
    case: "keepAlive" as const,
    value: create(KeepAliveRequestSchema, value as never),
  }));
const others = fc.constantFrom<object>(
  { case: undefined },
  { case: "checkFence", value: { key: "k", token: 3n } },
);
const call = fc
  .record({
    callId: uint64,
    timeoutMs: int64,
    traceparent: text,
    request: oftenOf<object>(fc.oneof(keepAlive, acquire, release, append), others),
  })
  .map((value) => create(AttachCallSchema, value as never));
const open = oftenOf<object | undefined>(
  fc.constant(undefined),
  fc.constant({ namespace: "n", sessionId: 3n }),
);
const request = fc
  .record({ open, calls: fc.array(call, { maxLength: 4 }) })
  .map((value) => create(AttachRequestSchema, value as never));

const header = fc
  .record({ clusterId: text, epoch: uint64, revision: uint64 })
  .map((value) => create(ReplyHeaderSchema, value));
const granted = fc
  .record({ holdId: uint64, token: uint64, count: fc.nat(2 ** 32 - 1) })
  .map((value) => ({ case: "granted" as const, value: create(GrantedSchema, value) }));
const outcome = oftenOf<object>(
  granted,
  fc.constantFrom({ case: undefined }, { case: "queued" as const, value: { ticketId: 5n } }),
);
const headerIfAny = fc.option(header, { nil: undefined, freq: 9 });
const acquired = fc.record({ header: headerIfAny, outcome }).map((value) => ({
  case: "acquire" as const,
  value: create(AcquireResponseSchema, value as never),
}));
const released = fc
  .record({
    header: headerIfAny,
    outcome: enumeration,
    lostReason: enumeration,
    count: fc.nat(2 ** 32 - 1),
  })
  .map((value) => ({
    case: "release" as const,
    value: create(ReleaseResponseSchema, value as never),
  }));
const renewed = fc
  .record({ header: headerIfAny, seq: uint64, sessionRevision: uint64, ttlMs: int64 })
  .map((value) => ({
    case: "keepAlive" as const,
    value: create(KeepAliveResponseSchema, value as never),
  }));
const appended = fc
  .record({
    header: headerIfAny,
    outcome: enumeration,
    changes: fc.array(fc.record({ seq: uint64, duplicate: fc.boolean() }), { maxLength: 3 }),
    lastSeq: uint64,
    headSeq: uint64,
    appliedBy: fc.array(text, { maxLength: 2 }),
  })
  .map((value) => ({
    case: "append" as const,
    value: create(AppendResponseSchema, value as never),
  }));
const otherReplies = fc.constantFrom(
  { case: undefined },
  { case: "error" as const, value: { code: 3, message: "no" } },
);
const reply = fc
  .record({
    callId: uint64,
    reply: oftenOf<object>(fc.oneof(acquired, released, renewed, appended), otherReplies),
  })
  .map((value) => create(AttachReplySchema, value as never));
const response = fc
  .record({
    opened: headerIfAny,
    replies: fc.array(reply, { maxLength: 4 }),
    news: fc.array(
      uint64.map((revision) => create(EventSchema, { revision })),
      { maxLength: 2 },
    ),
  })
  .map((value) => create(AttachResponseSchema, value as never));

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** What a decoder makes of bytes; everything of it, that which is not known too. */
function readBy(decode: (bytes: Uint8Array) => AttachRequest, bytes: Uint8Array): unknown {
  try {
    const frame = decode(bytes);
    return [frame, toJson(AttachRequestSchema, frame), hex(toBinary(AttachRequestSchema, frame))];
  } catch {
    return "refused";
  }
}

const byLibrary = (bytes: Uint8Array) => fromBinary(AttachRequestSchema, bytes);
function expectSame(bytes: Uint8Array): void {
  expect(readBy(decodeFrame, bytes)).toEqual(readBy(byLibrary, bytes));
}

describe("a frame from a client", () => {
  test("is read as the library reads it", () => {
    fc.assert(
      fc.property(request, (each) => expectSame(toBinary(AttachRequestSchema, each))),
      { numRuns: 500 },
    );
  });

  test("that is cut, or in which a byte is another, is read or refused as the library does it", () => {
    const bytesOfIt = fc.constantFrom(0, 1, 8, 0x12, 0x7f, 0x80, 0xff);
    fc.assert(
      fc.property(request, fc.nat(), fc.option(bytesOfIt), (each, at, byte) => {
        const whole = toBinary(AttachRequestSchema, each);
        if (byte === null) return expectSame(whole.subarray(0, at % (whole.length + 1)));
        if (whole.length > 0) whole[at % whole.length] = byte;
        expectSame(whole);
      }),
      { numRuns: 2_000 },
    );
  });

  test("keeps fields that are not known, and merges a request that comes twice", () => {
    fc.assert(
      fc.property(call, call, (one, other) => {
        const twice = Buffer.concat([one, other].map((each) => toBinary(AttachCallSchema, each)));
        expectSame(Uint8Array.of(0x12, ...lengthOf(twice), ...twice));
        const unknown = Buffer.concat([twice, Buffer.of(0xb8, 0x3e, 1)]);
        expectSame(Uint8Array.of(0x12, ...lengthOf(unknown), ...unknown));
      }),
    );
  });

  test("has every field that is read here, and those that are not are left to the library", () => {
    const numbers = ({ fields }: { fields: readonly { number: number }[] }) =>
      fields.map((field) => field.number);
    expect(numbers(AttachRequestSchema)).toEqual([1, 2]);
    expect(numbers(AcquireRequestSchema)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    expect(numbers(ReleaseRequestSchema)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(numbers(AppendRequestSchema)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(numbers(NewChangeSchema)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(numbers(AppendDurabilitySchema)).toEqual([1, 2]);
  });
});

describe("a frame to a client", () => {
  test("has the bytes that the library gives it", () => {
    fc.assert(
      fc.property(response, (each) => {
        expect(hex(encodeFrame(each))).toBe(hex(toBinary(AttachResponseSchema, each)));
      }),
      { numRuns: 500 },
    );
  });

  test("keeps its bytes when the next one is encoded", () => {
    const frameOf = (callId: bigint): AttachResponse =>
      create(AttachResponseSchema, {
        replies: [{ callId, reply: { case: "release", value: {} } }],
      });
    const first = encodeFrame(frameOf(1n));
    const before = hex(first);
    encodeFrame(frameOf(2n));
    expect(hex(first)).toBe(before);
  });

  test("has every field that its messages have", () => {
    const numbers = ({ fields }: { fields: readonly { number: number }[] }) =>
      fields.map((field) => field.number);
    expect(numbers(AttachResponseSchema)).toEqual([1, 2, 3]);
    expect(numbers(AcquireResponseSchema)).toEqual([1, 2, 3, 4]);
    expect(numbers(GrantedSchema)).toEqual([1, 2, 3]);
    expect(numbers(ReleaseResponseSchema)).toEqual([1, 2, 3, 4]);
    expect(numbers(KeepAliveResponseSchema)).toEqual([1, 2, 3, 4]);
    expect(numbers(AppendResponseSchema)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(numbers(AppendedChangeSchema)).toEqual([1, 2]);
    expect(numbers(ReplyHeaderSchema)).toEqual([1, 2, 3]);
  });
});

/** A length in its binary form. */
function lengthOf(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  let rest = bytes.length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) | 0x80);
  return Uint8Array.of(...out, rest);
}
