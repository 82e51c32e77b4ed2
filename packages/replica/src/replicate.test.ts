import { describe, expect, test } from "vitest";
import type { AppliedChange } from "./apply/applied-change.ts";
import { MemoryStore } from "./store/memory.ts";
import { del, put, text } from "./testing-support/fake-log.ts";
import { expectEqual, rowsOf, world } from "./testing-support/world.ts";

describe("a replica", () => {
  test("that knows no version of values is refused at once", () => {
    const { start } = world();
    expect(() => start({ schemaVersions: [] })).toThrow(TypeError);
  });

  test("takes a snapshot and then follows every change [REP-50] [REP-55]", async () => {
    const { clock, authority, started } = world();
    authority.append(put("a", "1"), put("b", "1"), put("c", "1"));
    const replica = await started();
    expect(await rowsOf(replica)).toEqual({ a: "1", b: "1", c: "1" });
    authority.append(put("a", "2"), del("b"));
    authority.append(put("d", "1"));
    authority.checkpoint();
    await clock.settle();
    expect(await rowsOf(replica)).toEqual({ a: "2", c: "1", d: "1" });
    expect(replica.status()).toMatchObject({ state: "LIVE", appliedSeq: 6n, verifiedSeq: 6n });
    expect(authority.acked).toMatchObject({ seq: 6n });
    const read = replica.get(text("a"));
    await clock.settle();
    expect((await read).position).toMatchObject({ appliedSeq: 6n, stalenessMs: 0 });
    await replica.close();
  });

  test("makes the same of the same changes, whenever it runs and however they arrive [REP-73]", async () => {
    const run = async (batchesPerMessage: number, sleptMs: number) => {
      const here = world();
      const { authority, clock, started } = here;
      clock.sleep(sleptMs);
      authority.batchesPerMessage = batchesPerMessage;
      const store = new MemoryStore();
      const seen: string[] = [];
      const apply = (change: AppliedChange) =>
        void seen.push(`${change.seq} ${change.op} ${change.key} ${change.value}`);
      const replica = await started({ store, apply });
      for (let at = 0; at < 30; at += 1)
        authority.append(put(`k${(at * 7) % 11}`, `${at}`), del(`k${(at * 5) % 11}`));
      await expectEqual(here, replica);
      const { rows } = await store.scan(new Uint8Array(), new Uint8Array(), 100);
      const { published } = await store.load();
      const buckets = published?.buckets.toSorted((a, b) => a.bucket - b.bucket);
      await replica.close();
      return { rows, buckets, cursor: published?.progress.cursor, seen };
    };
    expect(await run(1, 0)).toEqual(await run(7, 123_456_789));
  });
});
