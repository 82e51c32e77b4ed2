import { hash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableSha256, sha256FromBinaryString } from "./sha256.ts";

const RUNS = 500;
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

const implementations = [
  ["portable", portableSha256],
  ["from Node", sha256FromBinaryString((input) => hash("sha256", input, "binary"))],
] as const;

describe.each(implementations)("SHA-256, %s,", (_, sha256) => {
  it("gives the hashes of the standard", () => {
    expect(toHex(sha256(new Uint8Array()))).toBe(EMPTY);
    expect(toHex(sha256(Uint8Array.of(0x61, 0x62, 0x63)))).toBe(ABC);
  });

  it("agrees with Node's for any bytes, also in the middle of a buffer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (bytes, offset) => {
        const buffer = new Uint8Array(offset + bytes.length + 1).fill(0xff);
        buffer.set(bytes, offset);
        const input = buffer.subarray(offset, offset + bytes.length);
        expect(toHex(sha256(input))).toBe(hash("sha256", bytes));
      }),
      { numRuns: RUNS },
    );
  });

  it("gives a hash that stays when its input is filled again", () => {
    const input = Uint8Array.of(0x61, 0x62, 0x63);
    const first = sha256(input);
    input.fill(0);
    sha256(input);
    expect(toHex(first)).toBe(ABC);
  });
});

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
