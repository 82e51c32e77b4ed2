import { ErrorReason, LockMode, ReplicationMode } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { Forge, LOCK } from "./testing-support/forge.ts";

const QUORUM = { durability: { mode: ReplicationMode.QUORUM, replicas: 1 } } as never;
const ALL = { durability: { mode: ReplicationMode.ALL_IN_SYNC } } as never;
const fence = (token: bigint) => ({ fence: { key: LOCK, token } }) as never;
const strict = { fenceKey: LOCK, fenceRequired: true };

test("a true history breaks no rule", () => {
  const forge = new Forge({ fenceKey: LOCK });
  forge.append("a", "b");
  forge.committed();
  forge.answered(["a", "b"], [1n, 2n], QUORUM);
  forge.checkpoint();
  forge.hold(9n);
  forge.submitted(["c"], fence(9n));
  forge.durable([forge.change("c")]);
  forge.update({ fenceKey: LOCK, minInSync: 1 }, 2n);
  forge.committed();
  const rows = [...forge.rows.values()];
  forge.checks.positions.shown({ reader: "copy", appliedSeq: forge.seq, rows });
});

describe("A log is refused", () => {
  test("that has a gap", () => {
    const forge = new Forge();
    forge.append("a");
    forge.submitted(["b"]);
    const gap = () => forge.durable([forge.change("b", { seq: 3n })]);
    expect(gap).toThrow("a log has no gap");
  });

  test("whose hash is not that of its changes", () => {
    const forge = new Forge();
    forge.submitted(["a"]);
    const other = () => forge.durable([forge.change("a")], { logHash: Buffer.alloc(32) });
    expect(other).toThrow("a log hash is that of its changes");
  });

  test("that has an idempotency key twice", () => {
    const forge = new Forge();
    forge.append("a");
    expect(() => forge.append("a")).toThrow("an idempotency key is appended once");
  });

  test("of a dataset that there is not", () => {
    const forge = new Forge();
    forge.submitted(["a"]);
    const other = () => forge.durable([forge.change("a")], { datasetId: 6n });
    expect(other).toThrow("an event is about a dataset that there is");
  });

  test("whose checkpoint has another count or another root", () => {
    const forge = new Forge();
    forge.append("a");
    const count = "a checkpoint counts the rows at its seq";
    expect(() => forge.checkpoint({ count: 2n })).toThrow(count);
    const root = "a checkpoint has the root of the rows";
    expect(() => forge.checkpoint({ root: Buffer.alloc(32) })).toThrow(root);
  });

  test("whose policy skips a version, or is not what its entry says", () => {
    const skips = () => new Forge().update({ minInSync: 1 }, 3n);
    expect(skips).toThrow("versions of a policy have no gap");
    const differs = () => new Forge().update({ minInSync: 1 }, 2n, { minInSync: 2 });
    expect(differs).toThrow("a changed policy is one entry of the log");
  });
});

describe("An answer is refused", () => {
  const inLog = "an acknowledged change is in the log under the seq it was told";
  const applied = "an acknowledged QUORUM append is applied at so many replicas";

  test("that tells another seq, or of a change that is not there", () => {
    const forge = new Forge();
    forge.append("a");
    expect(() => forge.answered(["a"], [2n])).toThrow(inLog);
    expect(() => forge.answered(["b"], [2n])).toThrow(inLog);
  });

  test.each([QUORUM, ALL])("that says replicated before a replica has it", (durability) => {
    const forge = new Forge();
    forge.append("a");
    forge.committed();
    forge.append("b");
    forge.answered(["a"], [1n], durability);
    expect(() => forge.answered(["b"], [2n], durability)).toThrow(applied);
  });

  test("that says replicated as the policy wants, before a replica has it", () => {
    const forge = new Forge({
      defaultDurability: { mode: ReplicationMode.QUORUM, replicas: 1 },
    } as never);
    forge.append("a");
    expect(() => forge.answered(["a"], [1n])).toThrow(applied);
    forge.committed();
    forge.answered(["a"], [1n]);
  });

  test("that counts a replica of a history that was lost", () => {
    const forge = new Forge();
    forge.append("a");
    forge.committed();
    const lost = new Forge();
    lost.append("b");
    const { positions } = forge.checks;
    expect(positions.whoReached(forge.checks.log("orders") as never, 1n)).toEqual(["copy"]);
    expect(positions.whoReached(lost.checks.log("orders") as never, 1n)).toEqual([]);
  });
});

describe("A replica is refused", () => {
  test("in the middle of a batch, or in another history", () => {
    const forge = new Forge();
    forge.append("a", "b");
    const rule = "a replica stands at the end of a batch of the log";
    expect(() => forge.committed({ seq: 1n })).toThrow(rule);
    expect(() => forge.committed({ logHash: Buffer.alloc(32) })).toThrow(rule);
  });

  test("whose rows are others, unless somebody has damaged them", () => {
    const forge = new Forge();
    forge.append("a", "b");
    const [first] = forge.rows.values();
    if (first === undefined) throw new Error("no row");
    const rows = [first, { ...first, key: Buffer.from("b") }];
    const rule = "a replica's rows are exactly those of its position";
    expect(() => forge.committed({ rows })).toThrow(rule);
    expect(() => forge.committed({ rows: [first] })).toThrow(rule);
    forge.committed({ rows, damaged: true });
  });

  test("that shows a part of a batch", () => {
    const forge = new Forge();
    forge.append("a", "b");
    const [first] = forge.rows.values();
    const shows = (appliedSeq: bigint) => () =>
      forge.checks.positions.shown({ reader: "copy", appliedSeq, rows: first ? [first] : [] });
    expect(shows(1n)).toThrow("a batch is visible whole or not at all");
    expect(shows(2n)).toThrow("a batch is visible whole or not at all");
  });
});

describe("A fence", () => {
  const writes = "only who holds the lock appends under its fence";

  test("is refused that is of no hold, of one that has ended, or of a shared one", () => {
    const forge = new Forge(strict);
    const append = (name: string, token: bigint) => () => {
      forge.submitted([name], fence(token));
      forge.durable([forge.change(name)]);
    };
    expect(append("a", 9n)).toThrow(writes);
    forge.hold(9n, LockMode.SHARED);
    expect(append("b", 9n)).toThrow(writes);
    forge.free();
    expect(append("c", 9n)).toThrow(writes);
  });

  test("must be there when the policy requires one", () => {
    expect(() => new Forge(strict).append("a")).toThrow(writes);
  });

  test("of a live hold must be accepted", () => {
    const forge = new Forge(strict);
    forge.hold(9n);
    const op = forge.submitted(["a"], fence(9n));
    const refused = () => forge.checks.refused(op, ErrorReason.FENCED);
    expect(refused).toThrow("the fence of a live hold is accepted");
    forge.free();
    expect(refused).not.toThrow();
  });

  test("does not matter for what is in the log", () => {
    const forge = new Forge({ fenceKey: LOCK });
    forge.append("a");
    const again = forge.submitted(["a"], fence(9n));
    const refused = () => forge.checks.refused(again, ErrorReason.FENCED);
    expect(refused).toThrow("what is in the log is answered, whatever else is asked");
    const fresh = forge.submitted(["b"], fence(9n));
    expect(() => forge.checks.refused(fresh, ErrorReason.FENCED)).not.toThrow();
  });
});
