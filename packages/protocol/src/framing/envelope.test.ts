import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Envelope, EnvelopeReader, EnvelopeTooLargeError, enveloped } from "./envelope.ts";

const MAX_BYTES = 100;

const envelopes = fc.array(
  fc.record({
    flags: fc.nat(255),
    message: fc.uint8Array({ maxLength: MAX_BYTES }),
  }),
  { maxLength: 20 },
);

function readIn(pieces: readonly Uint8Array[]): { read: Envelope[]; reader: EnvelopeReader } {
  const reader = new EnvelopeReader(MAX_BYTES);
  return { read: pieces.flatMap((piece) => reader.read(piece)), reader };
}

function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths) {
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return [...pieces, bytes.subarray(at)];
}

describe("an envelope reader", () => {
  test("gives what was put into envelopes, however the bytes are cut", () => {
    fc.assert(
      fc.property(envelopes, fc.array(fc.nat(12), { maxLength: 200 }), (sent, lengths) => {
        const { read, reader } = readIn(cut(Buffer.concat(sent.map(enveloped)), lengths));
        expect(read).toEqual(sent);
        expect(reader.isInside).toBe(false);
      }),
    );
  });

  test("knows that the bytes end inside an envelope", () => {
    const bytes = enveloped({ flags: 0, message: new Uint8Array(10) });
    for (let length = 1; length < bytes.length; length++) {
      const { read, reader } = readIn([bytes.subarray(0, length)]);
      expect([read, reader.isInside]).toEqual([[], true]);
    }
  });

  test("refuses a message that is too large as soon as it is announced", () => {
    const reader = new EnvelopeReader(MAX_BYTES);
    const bytes = enveloped({ flags: 0, message: new Uint8Array(MAX_BYTES + 1) });
    expect(() => reader.read(bytes.subarray(0, 5))).toThrow(EnvelopeTooLargeError);
    const largest = { flags: 0, message: new Uint8Array(MAX_BYTES) };
    expect(new EnvelopeReader(MAX_BYTES).read(enveloped(largest))).toEqual([largest]);
  });

  test("gives messages that keep nothing of the chunk they came in", () => {
    const chunk = enveloped({ flags: 0, message: new Uint8Array([1, 2, 3]) });
    const [envelope] = new EnvelopeReader(MAX_BYTES).read(chunk);
    chunk.fill(0);
    expect(envelope?.message).toEqual(new Uint8Array([1, 2, 3]));
    expect(envelope?.message.buffer.byteLength).toBe(3);
  });
});
