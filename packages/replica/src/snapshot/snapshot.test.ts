import { create } from "@bufbuild/protobuf";
import { portableSha256, ReplicaState, RowSchema, StartedSchema } from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyStaged } from "../apply/batches.ts";
import { UnknownChangeError } from "../errors.ts";
import { Holdings } from "../holdings.ts";
import { MemoryStore } from "../store/memory.ts";
import { refused } from "../testing-support/fake-authority.ts";
import { del, put, text, type Write } from "../testing-support/fake-log.ts";
import { eventsOf, expectEqual, rowsOf, until, world } from "../testing-support/world.ts";
import { beginSnapshot, takeChunk } from "./staging.ts";

const key = fc.integer({ min: 0, max: 9 }).map((number) => `k${number}`);
const write: fc.Arbitrary<Write> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(key, fc.string()).map(([name, value]) => put(name, value)) },
  { weight: 2, arbitrary: key.map(del) },
);
const batch = fc.array(write, { minLength: 1, maxLength: 4 });
const batches = fc.array(batch, { maxLength: 6 });

describe("a snapshot with its tail", () => {
  test("ends in the server's digest, whatever is written while it is read [REP-55] [REP-56]", async () => {
    await fc.assert(
      fc.asyncProperty(
        batches,
        fc.array(batches, { maxLength: 8 }),
        fc.integer({ min: 1, max: 4 }),
        async (before, during, chunkRows) => {
          const here = world();
          const { authority } = here;
          authority.chunkRows = chunkRows;
          for (const writes of before) authority.append(...writes);
          const waiting = [...during];
          authority.beforeChunk = () => {
            for (const writes of waiting.shift() ?? []) authority.append(...writes);
          };
          const replica = await here.started();
          for (const writes of waiting.flat()) authority.append(...writes);
          await expectEqual(here, replica);
          await replica.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  test("goes on at the chunk where it was broken off, after a restart too [REP-58]", async () => {
    const here = world();
    const { clock, authority, start } = here;
    const names = ["a", "b", "c", "d", "e", "f"];
    for (const name of names) authority.append(put(name, "1"));
    const store = new MemoryStore();
    let chunks = 0;
    authority.spoil = (part) =>
      part.case === "snapshotChunk" && ++chunks === 2 ? "cut" : undefined;
    const first = start({ store });
    await until(clock, () => chunks === 2);
    await first.close();
    authority.append(put("a", "2"), del("f"));
    const second = start({ store });
    await second.ready();
    const [, resumed] = authority.requests("subscribe");
    expect(resumed.start.case).toBe("snapshot");
    expect(new TextDecoder().decode(resumed.start.value.afterKey)).toBe("b");
    expect(chunks).toBe(2 + 2);
    await expectEqual(here, second);
    await second.close();
  });

  test("goes on in its tail once all rows are there, and no row is sent again [REP-58]", async () => {
    const here = world();
    const { clock, authority, start } = here;
    authority.append(put("a", "1"), put("b", "1"));
    authority.beforeChunk = () => authority.append(put("a", "2"));
    let cut = true;
    authority.spoil = (part) => (part.case === "changes" && cut ? "cut" : undefined);
    const replica = start();
    await until(clock, () => authority.requests("subscribe").length > 1);
    cut = false;
    await until(clock, () => replica.status().state === "LIVE");
    expect(authority.requests("subscribe").at(-1).start.case).toBe("cursor");
    await expectEqual(here, replica);
    await replica.close();
  });

  test("is begun anew, with a new generation, when it cannot be resumed [REP-15] [REP-58]", async () => {
    const here = world();
    const { clock, authority, start } = here;
    for (const name of ["a", "b", "c", "d"]) authority.append(put(name, "1"));
    let chunks = 0;
    authority.spoil = (part) =>
      part.case === "snapshotChunk" && ++chunks === 2 ? "cut" : undefined;
    const replica = start();
    await until(clock, () => chunks === 2);
    authority.snapshots.clear();
    authority.log.append(del("a"));
    await until(clock, () => replica.status().state === "LIVE");
    expect(authority.requests("register")).toHaveLength(2);
    await expectEqual(here, replica);
    await replica.close();
  });

  test.each([{ root: new Uint8Array(32) }, { count: 7n }, { logHash: new Uint8Array(32) }])(
    "is not published when %o differs at high, and tried again with growing pauses [REP-57] [REP-58]",
    async (forged) => {
      const { clock, authority, start } = world();
      authority.append(put("a", "1"));
      authority.spoil = (part) => {
        if (part.case === "snapshotEnd" && part.value.high) Object.assign(part.value.high, forged);
        return undefined;
      };
      const at: number[] = [];
      authority.meddle = ({ call }) => {
        if (call === "subscribe") at.push(clock.monotonicMs());
        return undefined;
      };
      const replica = start();
      await until(clock, () => at.length > 5);
      const pauses = at.slice(1).map((ms, index) => ms - (at[index] as number));
      expect(pauses.every((ms, index) => index === 0 || ms > (pauses[index - 1] as number))).toBe(
        true,
      );
      expect(replica.status()).toMatchObject({ appliedSeq: 0n, rows: 0 });
      await replica.close();
    },
  );

  test("counts for nobody before it is published, though its progress is acknowledged", async () => {
    const { clock, authority, start } = world();
    for (let at = 0; at < 4; at += 1) authority.append(put(`k${at}`, "1"));
    const waiting = [put("a", "1"), put("b", "1")];
    authority.beforeChunk = () => {
      for (const late of waiting.splice(0)) authority.append(late);
    };
    const states = new Set<string>();
    authority.meddle = ({ call, request }) => {
      if (call === "ack") states.add(`${request.appliedSeq} ${ReplicaState[request.state]}`);
      return undefined;
    };
    authority.batchesPerMessage = 1;
    const replica = start();
    await until(clock, () => replica.status().state === "LIVE");
    expect([...states].filter((state) => state.endsWith(" OK"))).toEqual(["6 OK"]);
    await replica.close();
  });

  test("takes the place of rows whose log is no longer there [REP-58]", async () => {
    const here = world();
    const { clock, authority, started } = here;
    authority.append(put("a", "1"), put("b", "1"));
    const store = new MemoryStore();
    const first = await started({ store });
    await first.close();
    authority.append(put("a", "2"));
    authority.append(del("b"), put("c", "1"));
    authority.log.floor = 3n;
    const given: string[] = [];
    const second = here.start({
      store,
      apply: ({ cause, op, key }) =>
        void given.push(`${cause} ${op} ${new TextDecoder().decode(key)}`),
    });
    // Old rows are rows all the same.
    await second.ready();
    expect(await rowsOf(second)).toEqual({ a: "1", b: "1" });
    await until(clock, () => second.status().appliedSeq === 5n);
    expect(given).toEqual(["SNAPSHOT PUT a", "SNAPSHOT DELETE b", "SNAPSHOT PUT c"]);
    await expectEqual(here, second);
    await second.close();
  });

  test("is taken no further than a row of a schema version that nobody here knows [REP-43]", async () => {
    const { authority, start } = world();
    authority.append(put("a", "1"), put("b", "1", 9));
    const replica = start();
    await expect(replica.done).rejects.toMatchObject({ name: "UnknownChangeError", seq: 2n });
    await expect(replica.ready()).rejects.toBeInstanceOf(UnknownChangeError);
  });

  test("keeps a row that is newer than a change of its tail [REP-55]", async () => {
    const { log } = world().authority;
    log.append(put("a", "1"));
    log.append(put("a", "2"), del("b"));
    const holdings = new Holdings(new MemoryStore(), log.dataset, portableSha256);
    const { datasetId, salt, createdEpoch } = log;
    const low = { seq: 0n, logHash: log.at(0n).logHash };
    const started = { datasetId, salt, createdEpoch, snapshotId: 1n, low };
    await beginSnapshot(holdings, create(StartedSchema, started));
    await takeChunk(
      holdings,
      [...log.rows.values()].map((row) => create(RowSchema, row)),
    );
    const { hashed } = log.hashes.changes(log.changes.slice(0, 1), low.logHash);
    await applyStaged(holdings, [{ changes: hashed, end: log.at(1n) }]);
    const seq = await holdings.writeStaged(({ table }) => table.row(text("a"))?.seq);
    expect(seq).toBe(2n);
    expect(holdings.staged?.digest.root()).toEqual(log.digest.root());
  });

  test("tells how far it is", async () => {
    const { clock, authority, start } = world();
    for (let at = 0; at < 6; at += 1) authority.append(put(`k${at}`, "1"));
    let status: unknown;
    authority.beforeChunk = (sent) => {
      if (sent === 4) status = replica.status().snapshot;
    };
    const replica = start();
    const events = eventsOf(replica);
    await until(clock, () => replica.status().state === "LIVE");
    expect(status).toEqual({ rows: 4, estimate: 6 });
    expect(replica.status().snapshot).toBeUndefined();
    expect(events).toContainEqual({ type: "published", seq: 6n, rows: 6 });
    await replica.close();
  });

  test("is waited for when the server cannot be asked yet", async () => {
    const { clock, authority, start } = world();
    authority.append(put("a", "1"));
    let refusals = 3;
    authority.meddle = ({ call }) =>
      call === "subscribe" && refusals-- > 0 ? refused("UNAVAILABLE", "RECOVERING") : undefined;
    const replica = start();
    await until(clock, () => replica.status().state === "LIVE");
    await replica.close();
  });
});
