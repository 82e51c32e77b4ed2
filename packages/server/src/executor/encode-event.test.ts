import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import {
  AppendedSchema,
  ChangeSchema,
  type Event,
  EventSchema,
  HoldTermsSchema,
  IdRangeSchema,
  JournaledChangeSchema,
  JournalOnlySchema,
  LockGrantedSchema,
  LockReleasedSchema,
  LockTargetSchema,
  OnLossSchema,
} from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeEvent } from "./decode-event.ts";
import { encodeEvent } from "./encode-event.ts";

const wide = {
  uint64: fc.oneof(fc.constant(0n), fc.bigInt(0n, 300n), fc.bigInt(0n, 2n ** 63n - 1n)),
  uint32: fc.nat(2 ** 31),
  moment: fc.oneof(fc.bigInt(0n, 2n ** 62n), fc.constant(-1n)),
  secret: fc.uint8Array({ maxLength: 32 }),
};
/** Numbers as they are in years of use, which are all read by hand: one that is not leaves the whole event to the library. */
const usual = {
  uint64: fc.oneof(fc.constant(0n), fc.bigInt(0n, 300n), fc.bigInt(0n, 2n ** 53n - 1n)),
  uint32: fc.nat(100_000),
  moment: fc.bigInt(0n, 2n ** 43n),
  // None of these events has one.
  secret: fc.constant(new Uint8Array()),
};
type Flavour = typeof wide | typeof usual;
const text = fc.oneof(
  fc.constant(""),
  fc.string({ maxLength: 300 }),
  fc.string({ unit: "binary", maxLength: 300 }),
);

function bodyOf({ uint64, uint32 }: Flavour) {
  const targets = fc.array(fc.record({ key: text, mode: fc.nat(4), permits: uint32 }), {
    maxLength: 20,
  });
  const terms = fc.option(
    fc.record({
      value: fc.uint8Array({ maxLength: 5_000 }),
      maxHoldMs: fc.bigInt(0n, 1n << 40n),
      onLoss: fc.option(fc.record({ action: fc.nat(3), delayMs: uint64 }), { nil: undefined }),
      metadata: fc.oneof(fc.constant({}), fc.constant({}), fc.constant({ a: "b" })),
    }),
    { nil: undefined },
  );
  const granted = fc
    .record({
      holdId: uint64,
      token: uint64,
      sessionId: uint64,
      requestId: uint64,
      ticketId: uint64,
      owner: text,
      targets,
      terms,
      transferredFrom: uint64,
    })
    .map((value) => ({
      case: "lockGranted" as const,
      value: create(LockGrantedSchema, value as never),
    }));
  const released = fc
    .record({ holdId: uint64, token: uint64, sessionId: uint64, targets })
    .map((value) => ({ case: "lockReleased" as const, value: create(LockReleasedSchema, value) }));
  const appended = fc
    .record({
      dataset: text,
      datasetId: uint64,
      firstSeq: uint64,
      lastSeq: uint64,
      logHash: fc.uint8Array({ maxLength: 32 }),
    })
    .map((value) => ({ case: "appended" as const, value: create(AppendedSchema, value) }));
  return fc.oneof(granted, released, appended);
}

function journalOnlyOf({ uint64, uint32, moment, secret }: Flavour) {
  const hash = fc.uint8Array({ maxLength: 32 });
  const change = fc.record({
    seq: uint64,
    timestampMs: moment,
    origin: text,
    idempotencyKey: text,
    schemaVersion: uint32,
    correlationId: text,
    op: fc.nat(3),
    key: fc.uint8Array({ maxLength: 600 }),
    value: fc.uint8Array({ maxLength: 20_000 }),
  });
  const changes = fc.array(
    fc.record({
      change: fc.option(change, { nil: undefined }),
      bucket: fc.nat(65_535),
      oldEntryHash: hash,
      entryHash: hash,
      oldBytes: uint64,
      payloadHash: hash,
    }),
    { maxLength: 10 },
  );
  return fc.option(
    fc.record({
      secretSha256: secret,
      contentFingerprint: fc.bigInt(0n, 2n ** 64n - 1n),
      answered: fc.array(fc.record({ first: uint64, last: uint64 }), { maxLength: 50 }),
      changes,
    }),
    { nil: undefined },
  );
}

function eventOf(flavour: Flavour): fc.Arbitrary<Event> {
  const { uint64, moment } = flavour;
  return fc
    .record({
      revision: uint64,
      decidedAtMs: moment,
      node: text,
      actor: text,
      correlationId: text,
      reason: text,
      causeRequestId: uint64,
      journalOnly: journalOnlyOf(flavour),
      body: bodyOf(flavour),
    })
    .map((fields) => create(EventSchema, fields as never) as Event);
}

const event = fc.oneof(eventOf(wide), eventOf(usual));

describe("an encoded event", () => {
  test("is byte for byte that of the protobuf library, and stays it while more are encoded", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        const encoded = events.map(encodeEvent);
        expect(encoded.map((bytes) => Buffer.from(bytes).toString("hex"))).toEqual(
          events.map((each) => Buffer.from(toBinary(EventSchema, each)).toString("hex")),
        );
      }),
    );
  });

  test("is read as the library reads it", () => {
    fc.assert(
      fc.property(event, (each) => {
        const bytes = toBinary(EventSchema, each);
        const [ours, theirs] = [decodeEvent(bytes), fromBinary(EventSchema, bytes)];
        expect(toJson(EventSchema, ours)).toEqual(toJson(EventSchema, theirs));
        expect(toBinary(EventSchema, ours)).toEqual(bytes);
      }),
    );
  });

  test("that is cut, or is none, is refused as the library refuses it", () => {
    fc.assert(
      fc.property(event, fc.nat(), (each, cut) => {
        const whole = toBinary(EventSchema, each);
        const bytes = whole.subarray(0, cut % (whole.length + 1));
        const read = (decode: () => Event) => {
          try {
            return toJson(EventSchema, decode());
          } catch {
            return "refused";
          }
        };
        expect(read(() => decodeEvent(bytes))).toEqual(read(() => fromBinary(EventSchema, bytes)));
      }),
    );
  });

  test("in which a byte is another is read or refused as the library does it", () => {
    const read = (decode: () => Event) => {
      try {
        return toJson(EventSchema, decode());
      } catch {
        return "refused";
      }
    };
    fc.assert(
      fc.property(event, fc.nat(), fc.constantFrom(0, 1, 8, 0x7f, 0x80, 0xff), (each, at, byte) => {
        const bytes = toBinary(EventSchema, each);
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        expect(read(() => decodeEvent(bytes))).toEqual(read(() => fromBinary(EventSchema, bytes)));
      }),
      { numRuns: 2_000 },
    );
  });

  test("that comes in two parts is put together as the library does it", () => {
    fc.assert(
      fc.property(event, event, (one, other) => {
        const bytes = Buffer.concat([one, other].map((each) => toBinary(EventSchema, each)));
        expect(decodeEvent(bytes)).toEqual(fromBinary(EventSchema, bytes));
      }),
    );
  });

  test("behind which stands a field without a number is refused", () => {
    const value = create(LockReleasedSchema, { holdId: 3n });
    const whole = toBinary(
      EventSchema,
      create(EventSchema, { body: { case: "lockReleased", value } }),
    );
    const bytes = Uint8Array.of(...whole, 0, 0);
    expect(() => fromBinary(EventSchema, bytes)).toThrow();
    expect(() => decodeEvent(bytes)).toThrow();
  });

  test("has every field that its message has", () => {
    const numbers = (schema: { fields: readonly { number: number }[] }) =>
      schema.fields.map((field) => field.number);
    const head = EventSchema.fields.filter(({ oneof }) => oneof === undefined);
    expect(head.map((field) => field.number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(numbers(JournalOnlySchema)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(numbers(IdRangeSchema)).toEqual([1, 2]);
    expect(numbers(LockGrantedSchema)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(numbers(HoldTermsSchema)).toEqual([1, 2, 3, 4]);
    expect(numbers(OnLossSchema)).toEqual([1, 2]);
    expect(numbers(LockReleasedSchema)).toEqual([1, 2, 3, 4]);
    expect(numbers(LockTargetSchema)).toEqual([1, 2, 3]);
    expect(numbers(AppendedSchema)).toEqual([1, 2, 3, 4, 5]);
    expect(numbers(JournaledChangeSchema)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(numbers(ChangeSchema)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("of another kind, and with what this version does not know, is left to the library", () => {
    const forgotten = create(EventSchema, {
      revision: 7n,
      body: { case: "sessionForgotten", value: { sessionId: 3n } },
    });
    const unknown = create(EventSchema, {
      revision: 8n,
      body: { case: "lockReleased", value: { holdId: 3n } },
    });
    unknown.$unknown = [{ no: 999, wireType: 0, data: Uint8Array.of(1) }];
    const salted = create(EventSchema, {
      revision: 9n,
      journalOnly: { salt: new Uint8Array(16) },
      body: { case: "lockReleased", value: { holdId: 3n } },
    });
    for (const each of [forgotten, unknown, salted]) {
      expect(encodeEvent(each)).toEqual(toBinary(EventSchema, each));
    }
  });
});
