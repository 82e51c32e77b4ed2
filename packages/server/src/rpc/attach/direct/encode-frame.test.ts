import { create, toBinary } from "@bufbuild/protobuf";
import { AttachReplySchema, AttachResponseSchema } from "@lockstep/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeFrame } from "./encode-frame.ts";

const uint64 = fc.oneof(fc.constant(0n), fc.bigInt(0n, 300n), fc.bigInt(0n, 2n ** 63n - 1n));
const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 200 }),
);
const header = fc.option(fc.record({ clusterId: text, epoch: uint64, revision: uint64 }), {
  nil: undefined,
});
const renewed = fc
  .record({ header, seq: uint64, sessionRevision: uint64, ttlMs: uint64 })
  .map((value) => ({ case: "keepAlive", value }));
const released = fc
  .record({ header, outcome: fc.nat(5) })
  .map((value) => ({ case: "release", value }));
const reply = fc
  .record({ callId: uint64, reply: fc.oneof(renewed, renewed, released) })
  .map((init) => create(AttachReplySchema, init as never));
const frame = fc
  .record({
    opened: fc.option(fc.record({ epoch: uint64 }), { nil: undefined, freq: 9 }),
    replies: fc.oneof(fc.array(reply, { minLength: 1, maxLength: 1 }), fc.array(reply)),
    news: fc.oneof(fc.constant([]), fc.array(fc.record({ revision: uint64 }), { maxLength: 2 })),
  })
  .map((init) => create(AttachResponseSchema, init as never));

test("frames are encoded byte for byte as the protobuf library does", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 4 }), (frames) => {
      const encoded = frames.map(encodeFrame);
      // Only now: one must not be written over another.
      expect(encoded.map((one) => Buffer.from(one).toString("hex"))).toEqual(
        frames.map((one) => Buffer.from(toBinary(AttachResponseSchema, one)).toString("hex")),
      );
    }),
    { numRuns: 500 },
  );
});
