import { describe, expect, test } from "vitest";
import type { CheckResult } from "../replicate.ts";
import { MemoryStore } from "../store/memory.ts";
import { damage, decode, found, three } from "../testing-support/damage.ts";
import { put } from "../testing-support/fake-log.ts";
import { eventsOf, expectEqual, until, world } from "../testing-support/world.ts";

describe("a checkpoint", () => {
  test("that differs has the rows looked at, and mended where that was chosen [REP-63] [REP-91]", async () => {
    const here = world();
    const { clock, authority } = here;
    const { store, replica, events } = await three(here, { onDrift: "REPAIR" });
    // The change that takes the row away shows that it is not what was counted.
    await damage(store, "b", "gone");
    authority.append(put("b", "2"));
    authority.checkpoint();
    await clock.settle();
    const verdicts = events.flatMap((event) =>
      event.type === "checkpoint" ? [event.verdict] : [],
    );
    expect(verdicts).toEqual(["MISMATCH"]);
    await until(clock, () => replica.status().state === "LIVE");
    expect(events.some((event) => event.type === "scrubbed")).toBe(true);
    // The digest was wrong, and not a row: with the digest computed anew everything is the server's.
    expect(found(events)).toEqual([]);
    await expectEqual(here, replica);
    await replica.close();
  });

  test("moves verified_seq only when it matches [REP-64]", async () => {
    const here = world();
    const { clock, authority } = here;
    const { replica, events } = await three(here);
    authority.append(put("a", "2"));
    authority.checkpoint();
    await clock.settle();
    expect(replica.status().verifiedSeq).toBe(4n);
    authority.append(put("a", "3"));
    const forged = authority.checkpoint();
    forged.root = new Uint8Array(32).fill(1);
    await clock.settle();
    expect(replica.status()).toMatchObject({ appliedSeq: 5n, verifiedSeq: 4n });
    expect(events).toContainEqual({ type: "checkpoint", seq: 5n, verdict: "MISMATCH" });
    await replica.close();
  });

  test("of another place than the replica's is not compared [REP-63]", async () => {
    const here = world();
    const { authority, clock } = here;
    const { replica, events } = await three(here);
    authority.append(put("a", "2"));
    authority.spoil = (part) => {
      if (part.case === "checkpoint") part.value.seq -= 1n;
      return undefined;
    };
    authority.checkpoint();
    await clock.settle();
    expect(events).toContainEqual({ type: "checkpoint", seq: 3n, verdict: "NOT_COMPARED" });
    expect(replica.status()).toMatchObject({ appliedSeq: 4n, verifiedSeq: 3n, state: "LIVE" });
    await replica.close();
  });

  test("matches when a row was overwritten whose value had been damaged: its stored hash was taken out [DIG-6]", async () => {
    const here = world();
    const { authority } = here;
    const { store, replica, events } = await three(here);
    await damage(store, "a", "value");
    authority.append(put("a", "2"));
    await expectEqual(here, replica);
    expect(events).toContainEqual({ type: "checkpoint", seq: 4n, verdict: "MATCH" });
    expect(events.some(({ type }) => type === "scrubbed")).toBe(false);
    await replica.close();
  });

  test("with another log hash means another history: the replica starts anew [REP-90]", async () => {
    const here = world();
    const { authority } = here;
    const { replica, events } = await three(here);
    authority.append(put("a", "2"));
    const forged = authority.checkpoint();
    const { logHash } = forged;
    forged.logHash = new Uint8Array(32);
    await here.clock.settle();
    forged.logHash = logHash;
    expect(found(events)).toMatchObject([{ action: "RESYNCED" }]);
    await expectEqual(here, replica);
    await replica.close();
  });
});

describe("the pass over all rows", () => {
  test("finds by itself what was changed behind the replica's back [REP-99]", async () => {
    const here = world();
    const { clock } = here;
    const { store, replica, events } = await three(here, {
      scrubPassMs: 60_000,
      onDrift: "REPAIR",
    });
    await damage(store, "c", "value");
    await until(clock, () => found(events).length > 0);
    expect(found(events)[0]?.findings.map((one) => [decode(one.key), one.kind])).toEqual([
      ["c", "DIVERGENT"],
    ]);
    await expectEqual(here, replica);
    await until(clock, () => replica.status().scrub.passedAtMs !== undefined);
    await replica.close();
  });

  test("sees every bucket once in its time, evenly, and more slowly when a step takes long [REP-99]", async () => {
    const here = world();
    const { clock } = here;
    let seen = 0;
    class SlowStore extends MemoryStore {
      override async rowsOfBuckets(first: number, end: number) {
        seen += end - first;
        clock.pause(50);
        return await super.rowsOfBuckets(first, end);
      }
    }
    here.authority.append(put("a", "1"));
    const replica = await here.started({ store: new SlowStore(), scrubPassMs: 60_000 });
    const from = clock.monotonicMs();
    await clock.advance(60_000);
    // 50 ms of work are followed by 950 ms of rest.
    const steps = Math.floor((clock.monotonicMs() - from) / 1_000);
    expect(seen / 64).toBeLessThanOrEqual(steps + 1);
    expect(seen / 64).toBeGreaterThan(steps / 2);
    await replica.close();
  });

  test("that somebody asked for lets changes be applied between its steps", async () => {
    const here = world();
    const applied: bigint[] = [];
    class TellingStore extends MemoryStore {
      override async rowsOfBuckets(first: number, end: number) {
        if (first === 64) here.authority.append(put("a", "2"));
        applied.push(replica.status().appliedSeq);
        return await super.rowsOfBuckets(first, end);
      }
    }
    here.authority.append(put("a", "1"));
    const replica = await here.started({ store: new TellingStore() });
    await replica.check();
    expect(applied[0]).toBe(1n);
    expect(applied.at(-1)).toBe(2n);
    await replica.close();
  });

  test("is made anew for who asks during one that a suspicion has begun", async () => {
    const here = world();
    let checked: Promise<CheckResult> | undefined;
    class DamagedStore extends MemoryStore {
      override async rowsOfBuckets(first: number, end: number) {
        if (first > 60_000 && !checked) {
          await damage(this, "a", "gone");
          checked = replica.check();
        }
        return await super.rowsOfBuckets(first, end);
      }
    }
    here.authority.append(put("a", "1"));
    const store = new DamagedStore();
    const replica = await here.started({ store });
    // Its bucket has been seen by then.
    expect(await store.rowsOfBuckets(0, 60_000)).toHaveLength(1);
    const forged = here.authority.checkpoint();
    forged.root = new Uint8Array(32).fill(1);
    await until(here.clock, () => checked !== undefined);
    expect((await checked)?.drift?.findings).toMatchObject([{ kind: "MISSING" }]);
    await replica.close();
  });

  test("begins again when a snapshot has taken the place of the rows", async () => {
    const here = world();
    const { authority } = here;
    let begun = 0;
    class ReplacedStore extends MemoryStore {
      override async rowsOfBuckets(first: number, end: number) {
        if (first === 0) begun += 1;
        if (first > 60_000 && authority.log.head.seq === 1n) {
          authority.append(put("a", "2"));
          const forged = authority.checkpoint();
          const { logHash } = forged;
          forged.logHash = new Uint8Array(32);
          here.clock.after(1, () => {
            forged.logHash = logHash;
          });
        }
        return await super.rowsOfBuckets(first, end);
      }
    }
    authority.append(put("a", "1"));
    const replica = await here.started({ store: new ReplacedStore() });
    const events = eventsOf(replica);
    let checked = false;
    const check = replica.check().then(() => {
      checked = true;
    });
    await until(here.clock, () => checked);
    await check;
    expect(events.filter(({ type }) => type === "published")).toHaveLength(1);
    expect(begun).toBe(2);
    await replica.close();
  });

  test("ends with the one who asked for it, and the next one begins its own", async () => {
    const here = world();
    const given = new AbortController();
    class GivingUpStore extends MemoryStore {
      override async rowsOfBuckets(first: number, end: number) {
        if (first > 0) given.abort();
        return await super.rowsOfBuckets(first, end);
      }
    }
    const replica = await here.started({ store: new GivingUpStore() });
    const events = eventsOf(replica);
    await expect(replica.check({ signal: given.signal })).rejects.toThrow("aborted");
    await replica.check();
    expect(events.filter(({ type }) => type === "scrubbed")).toHaveLength(1);
    await replica.close();
  });
});
