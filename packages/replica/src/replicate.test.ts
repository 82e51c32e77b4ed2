import { describe, expect, test } from "vitest";
import { del, put, text } from "./testing-support/fake-log.ts";
import { rowsOf, world } from "./testing-support/world.ts";

describe("a replica", () => {
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
});
