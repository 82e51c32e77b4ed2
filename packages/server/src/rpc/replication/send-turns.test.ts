import { describe, expect, type Mock, test, vi } from "vitest";
import { ManualClock } from "../../executor/testing-support/manual-clock.ts";
import { systemClock } from "../../ports/clock.ts";
import {
  append,
  createDataset,
  datasetClient,
  Followed,
  put,
} from "../../testing-support/datasets.ts";
import { testServers, transportTo } from "../../testing-support/test-server.ts";
import { SendTurns } from "./send-turns.ts";

const start = testServers();
const FOLLOWERS = 100;

describe("turns", () => {
  const never = new AbortController().signal;

  test("come to four at a time, in their order, the next ones in another turn of the event loop", async () => {
    const clock = new ManualClock();
    const turns = new SendTurns(clock);
    const read: number[] = [];
    const all = Array.from({ length: 10 }, (_, at) =>
      turns.run([never], async () => void read.push(at)),
    );
    for (let at = 0; at < 20; at++) await Promise.resolve();
    expect(read).toEqual([0, 1, 2, 3]);
    await clock.settle();
    await Promise.all(all);
    expect(read).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("of reads that fail go to the next, and those of who has gone to nobody", async () => {
    const clock = new ManualClock();
    const turns = new SendTurns(clock);
    const hang = Promise.withResolvers<void>();
    const failing = Array.from({ length: 4 }, () => turns.run([never], () => hang.promise));
    const gone = new AbortController();
    const left = turns.run([never, gone.signal], async () => gone.signal.throwIfAborted());
    const behind = turns.run([never], async () => "read");
    gone.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    hang.reject(new Error("no disk"));
    for (const each of failing) await expect(each).rejects.toThrow("no disk");
    await clock.settle();
    expect(await behind).toBe("read");
    // All four are free again, and no more.
    const open = Promise.withResolvers<void>();
    let begun = 0;
    const more = Array.from({ length: 6 }, () =>
      turns.run([never], () => {
        begun += 1;
        return open.promise;
      }),
    );
    await clock.settle();
    expect(begun).toBe(4);
    open.resolve();
    await clock.settle();
    await Promise.all(more);
  });
});

describe("of many subscriptions that have something to send", () => {
  test.each(["what follows their cursor", "a snapshot"])(
    "few send %s in one turn, so that others are answered in between [REP-40]",
    async (what) => {
      const { server, namespace } = await start();
      const client = datasetClient(transportTo(server.url));
      await createDataset(client);
      const { datasets } = namespace;
      const perTurn: number[] = [];
      const count = () => {
        // The first one of a turn sees it end.
        if (perTurn.length === 0) perTurn.push(0);
        if (perTurn.at(-1) === 0) systemClock.afterTurn(() => perTurn.push(0));
        perTurn.push((perTurn.pop() ?? 0) + 1);
      };
      const isTail = what !== "a snapshot";
      const reads = isTail ? "recentChanges" : "readRows";
      const original = datasets[reads].bind(datasets) as (...read: unknown[]) => never;
      (vi.spyOn(datasets, reads) as Mock).mockImplementation((...read: unknown[]) => {
        count();
        return original(...read);
      });
      if (!isTail) await append(client, [put("a", "1")]);
      const cursor = { start: { case: "cursor", value: { seq: 0n } } } as const;
      const followers = Array.from(
        { length: FOLLOWERS },
        () => new Followed(client, (isTail ? cursor : {}) as never),
      );
      if (isTail) {
        for (const each of followers) await each.part("started");
        perTurn.length = 0;
        await append(client, [put("a", "1")]);
      }
      for (const each of followers) {
        if (!isTail) await each.part("started");
        await each.part(isTail ? "changes" : "snapshotChunk");
      }
      expect(perTurn.reduce((sum, each) => sum + each)).toBeGreaterThanOrEqual(FOLLOWERS);
      expect(Math.max(...perTurn)).toBeLessThanOrEqual(8);
      for (const each of followers) each.close();
    },
  );

  test("those that are up to date do not wait for the disk of those that catch up", async () => {
    const { server, namespace } = await start();
    const client = datasetClient(transportTo(server.url));
    await createDataset(client);
    await append(client, [put("a", "1")]);
    const upToDate = new Followed(client, {
      start: { case: "cursor", value: { seq: 0n } },
    } as never);
    await upToDate.part("started");
    expect((await upToDate.part("changes")).lastSeq).toBe(1n);
    // From here on what it needs is in memory.
    await append(client, [put("a", "2")]);
    expect((await upToDate.part("changes")).lastSeq).toBe(2n);
    let hung = 0;
    vi.spyOn(namespace.datasets, "readRows").mockImplementation(() => {
      hung += 1;
      return new Promise(() => {});
    });
    const behind = Array.from({ length: 8 }, () => new Followed(client, {} as never));
    await expect.poll(() => hung).toBe(4);
    await append(client, [put("a", "3")]);
    expect((await upToDate.part("changes")).lastSeq).toBe(3n);
    for (const each of [upToDate, ...behind]) each.close();
  });
});
