import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { damage, decode, extraRow, found, three } from "../testing-support/damage.ts";
import { del, put, text } from "../testing-support/fake-log.ts";
import { expectEqual, rowsOf, until, world } from "../testing-support/world.ts";

describe("a look at all rows", () => {
  test("tells missing, extra and divergent keys apart, and repairs nothing unless told to [REP-95] [REP-97] [REP-99]", async () => {
    const here = world();
    const { clock, authority } = here;
    const { store, replica, events } = await three(here);
    await damage(store, "a", "value");
    await damage(store, "b", "gone");
    await store.transaction((tx) => tx.published.put(authority.log.hashes.stored(extraRow("x"))));
    const before = await rowsOf(replica);
    const checking = replica.check();
    await clock.settle();
    const { drift, damaged, rows } = await checking;
    expect(rows).toBe(3);
    expect(damaged).toBe(3);
    const kinds = drift?.findings.map(({ kind, key, replicaSeq, serverSeq }) => [
      decode(key),
      kind,
      replicaSeq,
      serverSeq,
    ]);
    expect(kinds?.sort()).toEqual([
      ["a", "DIVERGENT", 1n, 1n],
      ["b", "MISSING", 0n, 2n],
      ["x", "EXTRA", 1n, 0n],
    ]);
    expect(drift).toMatchObject({ action: "NONE", badBuckets: 3 });
    expect(await rowsOf(replica)).toEqual(before);
    expect(replica.status()).toMatchObject({ state: "DEGRADED", drift });
    await clock.advance(1_000);
    const [report] = authority.requests("reportDrift");
    expect(report).toMatchObject({ reportNumber: 1n });
    expect(report.report).toMatchObject({ missing: 1n, extra: 1n, divergent: 1n, badBuckets: 3 });
    expect(found(events)).toEqual([drift]);
    await replica.close();
  });

  test("mends just what differs, with the server's seqs, and looks again [REP-96]", async () => {
    const here = world();
    const { clock, authority } = here;
    authority.fitting = 1;
    const given: string[] = [];
    const { store, replica, events } = await three(here, {
      apply: (change: { cause: string; op: string; key: Uint8Array }) =>
        void given.push(`${change.cause} ${change.op} ${decode(change.key)}`),
    });
    given.splice(0);
    await damage(store, "a", "value");
    await damage(store, "b", "gone");
    await damage(store, "c", "seq");
    await damage(store, "x", "extra");
    const checking = replica.check({ repair: true });
    await clock.settle();
    expect((await checking).drift).toBeUndefined();
    expect(found(events)).toMatchObject([{ action: "REPAIRED", badBuckets: 4 }]);
    expect(given.sort()).toEqual([
      "REPAIR DELETE x",
      "REPAIR PUT a",
      "REPAIR PUT b",
      "REPAIR PUT c",
    ]);
    const { row } = await replica.get(text("c"), { freshness: { level: "EVENTUAL" } });
    expect(row?.seq).toBe(3n);
    const asked = authority.requests("fetchEntries").map(({ keys }) => keys.length);
    expect(asked).toEqual([4, 3, 2, 1]);
    await expectEqual(here, replica);
    await replica.close();
  });

  test("takes three round trips to the keys that differ, and one when none does [REP-101]", async () => {
    const here = world();
    const { clock, authority } = here;
    const { store, replica } = await three(here);
    const asked = () =>
      authority.arrivals.filter(({ call }) => call === "digestNodes" || call === "listBucket");
    const first = replica.check();
    await clock.settle();
    expect((await first).drift).toBeUndefined();
    expect(asked()).toHaveLength(1);
    const names = Array.from({ length: 500 }, (_, at) => `k${at}`);
    authority.append(...names.map((name) => put(name, "1")));
    await clock.settle();
    for (const name of names.slice(0, 10)) await damage(store, name, "value");
    const before = authority.replyBytes;
    const second = replica.check();
    await clock.settle();
    expect((await second).drift?.findings).toHaveLength(10);
    expect(asked()).toHaveLength(1 + 3);
    expect(authority.replyBytes - before).toBeLessThan(1024 * 1024);
    await replica.close();
  });

  test("never takes for drift what is still under way [REP-92] [REP-93]", async () => {
    const key = fc.integer({ min: 0, max: 5 }).map((number) => `k${number}`);
    const write = fc.oneof(
      fc.tuple(key, fc.string()).map(([name, value]) => put(name, value)),
      key.map(del),
    );
    const load = fc.array(fc.array(write, { minLength: 1, maxLength: 3 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.array(load, { minLength: 4, maxLength: 4 }), async (loads) => {
        const here = world();
        const { authority, clock } = here;
        authority.batchesPerMessage = 2;
        const { replica, events, store } = await three(here);
        const waiting = [...loads];
        // The server goes on while it is asked: before it answers, and before the answer arrives.
        authority.meddle = ({ call }) => {
          if (call !== "digestNodes" && call !== "listBucket" && call !== "fetchEntries")
            return undefined;
          for (const batch of waiting.shift() ?? []) authority.append(...batch);
          const more = waiting.shift() ?? [];
          return new Promise<void>((resolve) =>
            clock.afterTurn(() => {
              for (const batch of more) authority.append(...batch);
              resolve();
            }),
          );
        };
        const clean = replica.check();
        await until(clock, () => authority.requests("digestNodes").length > 0);
        await clock.advance(2_000);
        expect((await clean).drift).toBeUndefined();
        expect(found(events)).toEqual([]);
        expect(authority.requests("digestNodes")).toHaveLength(1);
        waiting.push(...loads);
        authority.append(put("z", "1"));
        await expectEqual(here, replica);
        waiting.push(...loads, ...loads);
        await damage(store, "z", "value");
        const repaired = replica.check({ repair: true });
        await clock.advance(5_000);
        expect((await repaired).drift).toBeUndefined();
        expect(
          found(events).flatMap(({ findings }) => findings.map((one) => decode(one.key))),
        ).toEqual(["z"]);
        await expectEqual(here, replica);
        await replica.close();
      }),
      { numRuns: 20 },
    );
  });

  test("finds nothing at a key that a change has mended meanwhile [REP-93]", async () => {
    const here = world();
    const { authority, clock } = here;
    const { store, replica, events } = await three(here);
    await damage(store, "a", "value");
    authority.meddle = ({ call }) => {
      if (call === "listBucket") authority.append(put("a", "2"));
      return undefined;
    };
    const checking = replica.check();
    await clock.settle();
    expect((await checking).drift).toBeUndefined();
    expect(authority.requests("listBucket")).toHaveLength(1);
    expect(found(events)).toEqual([]);
    await expectEqual(here, replica);
    await replica.close();
  });

  test("writes nothing over a key that a change has mended before the repair [REP-96]", async () => {
    const here = world();
    const { authority, clock } = here;
    const given: string[] = [];
    const { store, replica } = await three(here, {
      apply: ({ cause, key, seq }) => void given.push(`${cause} ${decode(key)} ${seq}`),
    });
    given.splice(0);
    await damage(store, "a", "value");
    authority.meddle = ({ call }) => {
      if (call === "fetchEntries") authority.append(put("a", "2"), put("a", "3"));
      return undefined;
    };
    const checking = replica.check({ repair: true });
    await clock.settle();
    expect((await checking).drift).toBeUndefined();
    expect(given).toEqual(["TAIL a 4", "TAIL a 5"]);
    await expectEqual(here, replica);
    await replica.close();
  });

  test("numbers its reports from 1 in each generation, and repeats one that got lost [REP-100]", async () => {
    const here = world();
    const { authority, clock } = here;
    const { store, replica } = await three(here);
    let lost = 1;
    authority.meddle = ({ call }) =>
      call === "reportDrift" && lost-- > 0 ? "loseReply" : undefined;
    for (const name of ["a", "b"]) {
      await damage(store, name, "gone");
      const checking = replica.check();
      await clock.settle();
      await checking;
      await clock.advance(1_000);
    }
    authority.generation = 0n;
    await clock.advance(3_000);
    const checking = replica.check();
    await clock.settle();
    await checking;
    const numbers = authority
      .requests("reportDrift")
      .map(({ generation, reportNumber }) => `${generation} ${reportNumber}`);
    const generations = [...new Set(numbers.map((number) => number.split(" ")[0]))];
    expect(numbers).toEqual([
      `${generations[0]} 1`,
      `${generations[0]} 1`,
      `${generations[0]} 2`,
      `${generations[1]} 1`,
    ]);
    await replica.close();
  });

  test("starts anew with a snapshot when too many buckets differ [REP-98]", async () => {
    const here = world();
    const { clock } = here;
    const { store, replica, events } = await three(here, { maxBadBucketShare: 2 / 65_536 });
    for (const name of ["a", "b", "c"]) await damage(store, name, "value");
    const checking = replica.check();
    await clock.settle();
    expect((await checking).drift).toMatchObject({ action: "QUARANTINED", badBuckets: 3 });
    await until(clock, () => replica.status().state === "LIVE");
    expect(await rowsOf(replica)).toEqual({ a: "1", b: "1", c: "1" });
    expect(found(events).map(({ action }) => action)).toEqual(["QUARANTINED"]);
    await expectEqual(here, replica);
    await replica.close();
  });

  test("starts anew with a snapshot when a key differs again after its repair [REP-98]", async () => {
    const here = world();
    const { clock } = here;
    const { store, replica, events } = await three(here, { onDrift: "REPAIR" });
    await damage(store, "a", "value");
    const first = replica.check();
    await clock.settle();
    expect((await first).drift).toBeUndefined();
    await damage(store, "a", "value");
    const second = replica.check();
    await clock.settle();
    expect((await second).drift).toMatchObject({ action: "QUARANTINED" });
    await expectEqual(here, replica);
    const states = events.flatMap((event) => (event.type === "state" ? [event.state] : []));
    expect(states).toContain("QUARANTINED");
    expect(await rowsOf(replica)).toEqual({ a: "1", b: "1", c: "1" });
    await replica.close();
  });

  test("ends when its signal is aborted, while nobody answers", async () => {
    const here = world();
    const { authority, clock } = here;
    const { replica } = await three(here);
    authority.reachable = false;
    authority.cut();
    const stop = new AbortController();
    const checking = replica.check({ signal: stop.signal });
    await clock.advance(3_000);
    stop.abort(new Error("enough"));
    await expect(checking).rejects.toThrow("enough");
    await replica.close();
  });
});
