import { ErrorReason } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { append, createDataset, del, put } from "../../testing-support/dataset/dataset-client.ts";
import { refusal } from "../../testing-support/dataset/refusal.ts";
import { World } from "../../testing-support/world.ts";

/** `a` at 1, `b` written at 2 and deleted at 3. */
function world(): World {
  const made = new World();
  createDataset(made);
  append(made, [put("a", "1"), put("b", "2"), del("b")]);
  return made;
}

describe("An expected head", () => {
  it("that is another is refused, telling the actual one [DATA-33]", () => {
    const made = world();
    for (const expectedHeadSeq of [0n, 2n, 4n])
      expect(() => append(made, [put("c", "1")], { expectedHeadSeq })).toThrow(
        refusal(ErrorReason.HEAD_MISMATCH, { head_seq: "3" }),
      );
    append(made, [put("c", "1")], { expectedHeadSeq: 3n });
  });
});

describe("An expected seq of a key", () => {
  it("that is another is refused, telling the actual one and whose it is [DATA-34]", () => {
    const made = world();
    const at = (key: string, expectedKeySeq: bigint) => () =>
      append(made, [put("new", "1"), put(key, "2", { expectedKeySeq })]);
    const mismatch = (seq: string) => refusal(ErrorReason.KEY_MISMATCH, { index: "1", seq });
    expect(at("a", 0n)).toThrow(mismatch("1"));
    expect(at("a", 2n)).toThrow(mismatch("1"));
    expect(at("b", 2n)).toThrow(mismatch("0"));
    expect(at("nobody", 1n)).toThrow(mismatch("0"));
    at("a", 1n)();
    expect(at("a", 1n)).toThrow(mismatch("5"));
    at("b", 0n)();
  });

  it("is that before the batch, whatever the batch does before [DATA-34]", () => {
    const made = world();
    append(made, [del("a"), put("a", "2", { expectedKeySeq: 1n }), put("a", "3")]);
    expect(() => append(made, [del("a"), put("a", "2", { expectedKeySeq: 0n })])).toThrow(
      refusal(ErrorReason.KEY_MISMATCH, { index: "1", seq: "6" }),
    );
  });

  it("of a delete is checked, too [DATA-34]", () => {
    const made = world();
    expect(() => append(made, [del("a", { expectedKeySeq: 9n })])).toThrow(
      refusal(ErrorReason.KEY_MISMATCH, { index: "0", seq: "1" }),
    );
    append(made, [del("a", { expectedKeySeq: 1n })]);
  });
});
