import { describe, expect, test } from "vitest";
import type { Age, Wanted } from "./dataset-reads.ts";
import { Forge, NAME } from "./testing-support/forge.ts";

const STRONG: Wanted = { level: "STRONG" };
const EVENTUAL: Wanted = { level: "EVENTUAL" };

/** A reader at which `a` has come; `b` has not, and both are acknowledged at 100 ms. */
function behind() {
  const forge = new Forge();
  const { reads } = forge.checks;
  const none = { appliedSeq: 0n, rows: [], damaged: false };
  forge.append("a");
  const old = { appliedSeq: 1n, rows: [...forge.rows.values()], damaged: false };
  forge.append("b");
  const now = { appliedSeq: 2n, rows: [...forge.rows.values()], damaged: false };
  const acknowledged = (...names: string[]) =>
    names.forEach((name) => {
      forge.answered([name], [name === "a" ? 1n : 2n]);
    });
  const begun = (wanted: Wanted) => reads.begun("copy", NAME, wanted);
  return { forge, reads, begun, acknowledged, none, old, now };
}

describe("A STRONG read", () => {
  const rule = "a STRONG read shows what was acknowledged";

  test("may lack what is acknowledged after it began", () => {
    const { reads, begun, acknowledged, old, now } = behind();
    acknowledged("a");
    const read = begun(STRONG);
    acknowledged("b");
    reads.answered(read, old);
    reads.answered(read, now);
    reads.answered(begun(STRONG), now);
  });

  test("is refused that lacks what was acknowledged before it began", () => {
    const { reads, begun, acknowledged, none, old } = behind();
    acknowledged("a");
    const read = begun(STRONG);
    expect(() => reads.answered(read, none)).toThrow(rule);
    acknowledged("b");
    expect(() => reads.answered(begun(STRONG), old)).toThrow(rule);
  });

  test("is refused that shows as much of a history that was lost", () => {
    const { forge, reads, begun, now } = behind();
    const { rows } = forge.lost("c", "d");
    const other = { appliedSeq: 2n, rows, damaged: false };
    expect(() => reads.answered(begun(STRONG), other)).toThrow(rule);
    expect(() => reads.answered(begun(EVENTUAL), other)).not.toThrow();
    expect(() => reads.answered(begun(STRONG), now)).not.toThrow();
  });

  test("owes nothing of a log that was lost while it lasted", () => {
    const { forge, reads, begun, acknowledged, none } = behind();
    acknowledged("a", "b");
    const read = begun(STRONG);
    forge.rewind();
    expect(() => reads.answered(read, none)).not.toThrow();
  });

  test("tells nothing by rows that somebody has damaged, but by its seq", () => {
    const { reads, begun, acknowledged, old, now } = behind();
    acknowledged("a", "b");
    const read = begun(STRONG);
    reads.answered(read, { ...now, rows: [], damaged: true });
    expect(() => reads.answered(read, { ...old, rows: [], damaged: true })).toThrow(rule);
  });
});

describe("An AT_LEAST read", () => {
  const wanted: Wanted = { level: "AT_LEAST", seq: 2n };

  test("is refused that shows less than it was asked for", () => {
    const { reads, begun, old, now } = behind();
    const rule = "an AT_LEAST read shows what it was asked for";
    reads.answered(begun(wanted), now);
    reads.answered(begun({ level: "AT_LEAST", seq: 1n }), now);
    expect(() => reads.answered(begun(wanted), old)).toThrow(rule);
    expect(() => reads.answered(begun(wanted), { ...old, damaged: true })).toThrow(rule);
  });

  test("must not be turned away where there is what it asks for", () => {
    const { reads, begun } = behind();
    const rule = "a read is refused only when it cannot be as fresh";
    reads.refused(begun(wanted), { appliedSeq: 1n, stalenessMs: 0 });
    const had = { appliedSeq: 2n, stalenessMs: 9_000 };
    expect(() => reads.refused(begun(wanted), had)).toThrow(rule);
  });
});

describe("What a read says of its age", () => {
  const understated = "staleness is never understated";

  test("is refused when it is fresher than it is", () => {
    const { reads, begun, acknowledged, none, old, now } = behind();
    acknowledged("a");
    const at = (stalenessMs: number): Age => ({ stalenessMs, atMs: 1_100 });
    const read = begun(EVENTUAL);
    expect(() => reads.aged(read, none, at(0))).toThrow(understated);
    expect(() => reads.aged(read, none, at(900))).toThrow(understated);
    reads.aged(read, none, at(1_001));
    reads.aged(read, none, at(Number.POSITIVE_INFINITY));
    reads.aged(read, old, at(0));
    acknowledged("b");
    expect(() => reads.aged(read, old, at(0))).toThrow(understated);
    reads.aged(read, now, at(0));
  });

  test("is refused when it is of another history than what was acknowledged", () => {
    const { forge, reads, begun, acknowledged } = behind();
    const { rows } = forge.lost("c", "d", "e");
    const other = { appliedSeq: 3n, rows, damaged: false };
    const age = { stalenessMs: 0, atMs: 1_000 };
    reads.aged(begun(EVENTUAL), other, age);
    acknowledged("a", "b");
    expect(() => reads.aged(begun(EVENTUAL), other, age)).toThrow(understated);
    reads.aged(begun(EVENTUAL), { ...other, damaged: true }, age);
  });

  test("is within the bound that was asked for", () => {
    const { reads, begun, now } = behind();
    const read = begun({ level: "BOUNDED", maxStalenessMs: 500 });
    const rule = "a BOUNDED read is no older than it was asked to be";
    reads.aged(read, now, { stalenessMs: 500, atMs: 1_000 });
    expect(() => reads.aged(read, now, { stalenessMs: 501, atMs: 1_000 })).toThrow(rule);
    const refused = "a read is refused only when it cannot be as fresh";
    reads.refused(read, { appliedSeq: 2n, stalenessMs: 501 });
    const fresh = { appliedSeq: 2n, stalenessMs: 500 };
    expect(() => reads.refused(read, fresh)).toThrow(refused);
    expect(() => reads.refused(begun(EVENTUAL), fresh)).toThrow(refused);
  });
});

test("a read is refused that shows a part of a batch, however fresh it is to be", () => {
  const { reads, begun, old } = behind();
  const part = { appliedSeq: 2n, rows: old.rows, damaged: false };
  const rule = "a batch is visible whole or not at all";
  expect(() => reads.answered(begun(EVENTUAL), part)).toThrow(rule);
});

test("a read is refused that has not ended when its time is over", () => {
  const { reads, begun } = behind();
  expect(() => reads.timeIsOver(begun(STRONG), false)).toThrow("a read ends in time");
  reads.timeIsOver(begun(STRONG), true);
});
