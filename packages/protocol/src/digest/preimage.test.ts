import { describe, expect, it } from "vitest";
import { Preimage } from "./preimage.ts";

const TAG = "drv1-tag";
const FILL = new Uint8Array(1_000).fill(7);

describe("Preimage", () => {
  // From one byte below its first capacity to well above it.
  it.each(Array.from({ length: 40 }, (_, more) => more))(
    "keeps what it has, and goes on, when it grows %i bytes further on",
    (more) => {
      const fill = new Uint8Array([...FILL, ...new Uint8Array(more).fill(8)]);
      const input = new Preimage().begin(TAG).raw(fill);
      input.u8(1).u32(0x02030405).u64(0x0607_0809_0a0b_0c0dn).lengthPrefixed(Uint8Array.of(9));
      expect(input.text("é").bytes).toEqual(
        Uint8Array.from([
          ...Buffer.from(TAG),
          ...fill,
          ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
          ...[0, 0, 0, 1, 9],
          ...[0, 0, 0, 2, 0xc3, 0xa9],
        ]),
      );
    },
  );

  it.each(["a", "é", "語", "😀"])("takes whole texts of %s, however long", (character) => {
    const text = character.repeat(5_000);
    const bytes = Buffer.from(text);
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length);
    const expected = Buffer.concat([Buffer.from(TAG), length, bytes]);
    expect(Buffer.compare(new Preimage().begin(TAG).text(text).bytes, expected)).toBe(0);
  });

  it("begins anew", () => {
    const input = new Preimage();
    input.begin("drv1-old").raw(FILL);
    expect(Buffer.from(input.begin(TAG).bytes).toString()).toBe(TAG);
  });
});
