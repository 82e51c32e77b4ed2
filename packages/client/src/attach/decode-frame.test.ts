import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  AttachReplySchema,
  type AttachResponse,
  AttachResponseSchema,
  ProtoReader,
} from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrame, readReply } from "./decode-frame.ts";

// Mostly small: whatever is above 2^53 leaves all around it to the library.
const mostlySmall = (min: bigint, max: bigint) =>
  fc.oneof(
    { weight: 15, arbitrary: fc.constant(0n) },
    { weight: 15, arbitrary: fc.bigInt(0n, 300n) },
    { weight: 15, arbitrary: fc.bigInt(0n, 2n ** 53n - 1n) },
    { weight: 1, arbitrary: fc.bigInt(min, max) },
  );
const uint64 = mostlySmall(0n, 2n ** 64n - 1n);
const int64 = mostlySmall(-(2n ** 63n), 2n ** 63n - 1n);
const uint32 = fc.oneof(fc.nat(5), fc.nat(5), fc.nat(2 ** 31 - 1), fc.constant(2 ** 32 - 1));
const number = fc.oneof(fc.nat(5), fc.nat(2 ** 31 - 1));
const text = fc.oneof(
  fc.constant("one-and-the-same"),
  fc.string({ maxLength: 30 }),
  fc.string({ unit: "grapheme", maxLength: 30 }),
);
const header = fc.option(fc.record({ clusterId: text, epoch: uint64, revision: uint64 }), {
  nil: undefined,
});
const granted = fc
  .record({ holdId: uint64, token: uint64, count: uint32 })
  .map((value) => ({ case: "granted", value }));
const denied = fc
  .record({ reason: number, retryAfterMs: int64 })
  .map((value) => ({ case: "denied", value }));
const acquired = fc.record({
  header,
  outcome: fc.oneof(granted, denied, fc.constant({ case: undefined })),
});
const released = fc.record({ header, outcome: number, lostReason: number, count: uint32 });
const renewed = fc.record({ header, seq: uint64, sessionRevision: uint64, ttlMs: int64 });
const appended = fc.record({
  header,
  outcome: number,
  changes: fc.array(
    fc.record({
      seq: uint64,
      duplicate: fc.oneof(
        { weight: 15, arbitrary: fc.constant(false) },
        { weight: 1, arbitrary: fc.constant(true) },
      ),
    }),
    { maxLength: 3 },
  ),
  lastSeq: uint64,
  headSeq: uint64,
  appliedBy: fc.array(text, { maxLength: 2 }),
});

const reply = fc
  .record({
    callId: uint64,
    reply: fc.oneof(
      acquired.map((value) => ({ case: "acquire", value })),
      released.map((value) => ({ case: "release", value })),
      renewed.map((value) => ({ case: "keepAlive", value })),
      appended.map((value) => ({ case: "append", value })),
      fc.record({ code: number, message: text }).map((value) => ({ case: "error", value })),
      header.map((value) => ({ case: "closeSession", value: { header: value } })),
      fc.constant({ case: undefined }),
    ),
  })
  .map((init) => create(AttachReplySchema, init as never));
const frame = fc
  .record({
    opened: header,
    replies: fc.array(reply, { maxLength: 30 }),
    news: fc.array(fc.record({ revision: uint64, actor: text }), { maxLength: 3 }),
  })
  .map((init) => create(AttachResponseSchema, init as never));

/** The message, or undefined when the bytes are none. */
function messageOf(decode: (bytes: Uint8Array) => AttachResponse, bytes: Uint8Array) {
  try {
    return decode(bytes);
  } catch {
    return undefined;
  }
}

function hasUnknown(message: object): boolean {
  return Object.entries(message).some(
    ([name, value]) =>
      name === "$unknown" || (typeof value === "object" && value !== null && hasUnknown(value)),
  );
}

const byLibrary = (bytes: Uint8Array) => fromBinary(AttachResponseSchema, bytes);

describe("a frame", () => {
  test("is decoded to the same message as by the protobuf library", () => {
    fc.assert(
      fc.property(frame, (sent) => {
        const bytes = toBinary(AttachResponseSchema, sent);
        expect(decodeFrame(bytes)).toEqual(byLibrary(bytes));
      }),
    );
  });

  test("is read by hand when it has nothing but usual replies", () => {
    const header = { clusterId: "c", epoch: 1n, revision: 2n };
    const appended = {
      outcome: 1,
      changes: [{ seq: 3n }],
      lastSeq: 3n,
      headSeq: 4n,
      appliedBy: ["one"],
    };
    const replies = [
      { case: "acquire", value: { header, outcome: { case: "granted", value: { count: 1 } } } },
      { case: "release", value: { header, outcome: 1, lostReason: 2, count: 3 } },
      { case: "keepAlive", value: { header, seq: 1n, sessionRevision: 2n, ttlMs: 3n } },
      { case: "append", value: { header, ...appended } },
    ];
    for (const reply of replies) {
      const bytes = toBinary(AttachReplySchema, create(AttachReplySchema, { reply } as never));
      expect(() => readReply(new ProtoReader(bytes))).not.toThrow();
    }
  });

  test("that was damaged, cut or put together by others is refused, or what the library makes of it", () => {
    const damage = fc.array(fc.record({ at: fc.nat(400), byte: fc.nat(255) }), { maxLength: 3 });
    const cut = fc.oneof(fc.constant(10_000), fc.nat(400));
    fc.assert(
      fc.property(frame, frame, damage, cut, (first, second, damages, length) => {
        const bytes = Buffer.concat(
          [first, second].map((one) => toBinary(AttachResponseSchema, one)),
        ).subarray(0, length);
        for (const { at, byte } of damages) if (at < bytes.length) bytes[at] = byte;
        const message = messageOf(decodeFrame, bytes);
        // The library also reads a message that ends behind the one around it. One that does so with a field that is not
        // known is not refused here, and may be another message.
        if (message !== undefined && !hasUnknown(message))
          expect(message).toEqual(messageOf(byLibrary, bytes));
      }),
      { numRuns: 1_000 },
    );
  });

  test("with a reply that is told in two parts has them put together", () => {
    fc.assert(
      fc.property(reply, reply, (first, second) => {
        const parts = [first, second].map((one) => toBinary(AttachReplySchema, one));
        const bytes = new BinaryWriter()
          .tag(2, WireType.LengthDelimited)
          .bytes(Buffer.concat(parts));
        const frame = bytes.finish();
        expect(decodeFrame(frame)).toEqual(byLibrary(frame));
      }),
      { numRuns: 500 },
    );
  });

  test("with fields that this version does not know is read by the library", () => {
    const reply = { callId: 1n, reply: { case: "release" as const, value: { header: {} } } };
    const known = toBinary(
      AttachResponseSchema,
      create(AttachResponseSchema, { replies: [reply] }),
    );
    // Field 100, a varint.
    const bytes = Buffer.concat([known, Uint8Array.of(0xa0, 0x06, 0x01)]);
    expect(decodeFrame(bytes)).toEqual(byLibrary(bytes));
    expect(decodeFrame(bytes).$unknown).toHaveLength(1);
  });
});
