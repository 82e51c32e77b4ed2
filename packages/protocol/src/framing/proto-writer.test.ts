import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtoReader, UnreadError } from "./proto-reader.ts";
import { ProtoWriter } from "./proto-writer.ts";

describe("a writer", () => {
  test("writes numbers of 64 bits as the protobuf library does", () => {
    const numbers = fc.oneof(fc.bigInt(1n, 300n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n));
    fc.assert(
      fc.property(numbers, (value) => {
        fc.pre(value !== 0n);
        const writer = new ProtoWriter();
        writer.bigint(3, value);
        const library = new BinaryWriter().tag(3, WireType.Varint).int64(value);
        expect(writer.finish()).toEqual(library.finish());
      }),
    );
  });

  test("moves what it has begun when it needs more memory, and leaves what it has finished", () => {
    const writer = new ProtoWriter();
    writer.text(1, "first");
    const first = writer.finish();
    const begun = writer.begin(2);
    for (let count = 0; count < 3; count++) writer.bytes(1, new Uint8Array(50_000).fill(count + 1));
    writer.end(begun);
    const read = new ProtoReader(writer.finish());
    expect(read.tag()).toBe(2 * 8 + 2);
    const pieces = read.message((reader) => {
      const fills: number[] = [];
      while (reader.tag() !== 0) fills.push(reader.bytes()[49_999] ?? 0);
      return fills;
    });
    expect(pieces).toEqual([1, 2, 3]);
    const reader = new ProtoReader(first);
    expect([reader.tag(), reader.text(), reader.tag()]).toEqual([1 * 8 + 2, "first", 0]);
  });
});

describe("a reader", () => {
  test("gives what is left unread inside a message to whoever reads it otherwise, and goes on behind it", () => {
    const writer = new ProtoWriter();
    writer.embedded(1, Uint8Array.of(7, 8));
    writer.number(2, 5);
    const reader = new ProtoReader(writer.finish());
    reader.tag();
    const bytes = reader.message<number[]>(
      (inside) => inside.unread(),
      (left) => [...left],
    );
    expect([bytes, reader.tag(), reader.number()]).toEqual([[7, 8], 2 * 8, 5]);
  });

  test.each([
    ["a message ends early", [0x05, 0x01], (reader: ProtoReader) => reader.bytes()],
    ["a text is no UTF-8", [0x01, 0xff], (reader: ProtoReader) => reader.text()],
    ["a number ends early", [0x80], (reader: ProtoReader) => reader.number()],
    ["a field has no number", [0x00], (reader: ProtoReader) => reader.tag()],
  ])("leaves it to the library when %s", (_, bytes, read) => {
    expect(() => read(new ProtoReader(Uint8Array.from(bytes)))).toThrow(UnreadError);
  });
});
