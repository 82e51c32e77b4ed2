import { describe, expect, test } from "vitest";
import { textOf } from "../rows.ts";
import { text } from "../testing-support/fake-log.ts";
import type { Store } from "./store.ts";
import { bucket, letter, NONE, progress, row, shown, stagedProgress } from "./store-fixture.ts";

/** A place where one store lives, for the contract test. */
export interface StoreHome<Tx> {
  /** Opens the store; the one opened before has been closed. */
  open(): Promise<Store<Tx>>;
  /** Writes something of the user's own in a transaction. */
  write(user: Tx, value: string): void;
  /** What the user has written and was committed. */
  written(store: Store<Tx>): Promise<string[]>;
}

/** What every store keeps, whatever it is made of. */
export function storeContract<Tx>(name: string, makeHome: () => Promise<StoreHome<Tx>>): void {
  describe(`${name} keeps the contract of a store`, () => {
    transactions(makeHome);
    isolation(makeHome);
    reading(makeHome);
    staging(makeHome);
    discarding(makeHome);
    parking(makeHome);
  });
}

function transactions<Tx>(makeHome: () => Promise<StoreHome<Tx>>): void {
  test("a new store is empty", async () => {
    const store = await (await makeHome()).open();
    expect(await store.load()).toEqual({ published: undefined, staged: undefined, letters: [] });
    expect(await store.get(text("a"))).toEqual({ appliedSeq: 0n, row: undefined });
    await store.close();
  });

  test("rows, buckets, progress and what the user writes come together, and stay [REP-70]", async () => {
    const home = await makeHome();
    const store = await home.open();
    await store.transaction((tx) => {
      tx.published.put(row("a", 1n));
      tx.published.setBuckets([bucket(7, 1)]);
      tx.setProgress(progress(1n));
      home.write(tx.user, "one");
    });
    await store.close();
    const again = await home.open();
    const { published } = await again.load();
    expect(published?.progress).toEqual(progress(1n));
    expect(published?.buckets).toEqual([bucket(7, 1)]);
    expect(shown((await again.get(text("a"))).row)).toEqual(shown(row("a", 1n)));
    expect(await home.written(again)).toEqual(["one"]);
    await again.close();
  });

  test("nothing of a transaction stays whose work throws, also later [REP-70]", async () => {
    const home = await makeHome();
    const store = await home.open();
    await store.transaction((tx) => {
      tx.published.put(row("a", 1n));
      tx.setProgress(progress(1n));
    });
    const failing = store.transaction(async (tx) => {
      tx.published.put(row("a", 2n));
      tx.published.put(row("b", 2n));
      tx.published.setBuckets([bucket(9, 1)]);
      tx.setProgress(progress(2n));
      tx.park(letter("a", 2n));
      home.write(tx.user, "two");
      await Promise.resolve();
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    const { published, letters } = await store.load();
    expect(published?.progress).toEqual(progress(1n));
    expect(published?.buckets).toEqual([]);
    expect(letters).toEqual([]);
    expect((await store.scan(NONE, NONE, 10)).rows.map(shown)).toEqual([shown(row("a", 1n))]);
    expect(await home.written(store)).toEqual([]);
    await store.close();
  });
}

function isolation<Tx>(makeHome: () => Promise<StoreHome<Tx>>): void {
  test("one transaction runs at a time, and readers see none that is under way [REP-72]", async () => {
    const store = await (await makeHome()).open();
    const gate = Promise.withResolvers<void>();
    const first = store.transaction(async (tx) => {
      tx.published.put(row("a", 1n));
      tx.setProgress(progress(1n));
      await gate.promise;
      tx.published.put(row("b", 1n));
    });
    const second = store.transaction((tx) => tx.published.row(text("b"))?.seq);
    expect((await store.scan(NONE, NONE, 10)).rows).toEqual([]);
    gate.resolve();
    await first;
    expect(await second).toBe(1n);
    await store.close();
  });

  test("a transaction sees what it has written itself", async () => {
    const store = await (await makeHome()).open();
    await store.transaction((tx) => {
      tx.published.put(row("a", 1n));
      tx.published.put(row("a", 2n));
      expect(tx.published.row(text("a"))?.seq).toBe(2n);
      tx.published.delete(text("a"));
      expect(tx.published.row(text("a"))).toBeUndefined();
      tx.published.delete(text("a"));
    });
    expect((await store.get(text("a"))).row).toBeUndefined();
    await store.close();
  });
}

function reading<Tx>(makeHome: () => Promise<StoreHome<Tx>>): void {
  test("a scan goes by the order of bytes, within a prefix, page by page", async () => {
    const store = await (await makeHome()).open();
    const keys = [[0x61], [0x61, 0x00], [0x61, 0xff], [0x62], [0xff], [0xff, 0xff], [0x00]];
    await store.transaction((tx) => {
      for (const key of keys) tx.published.put({ ...row("", 1n), key: Uint8Array.from(key) });
      tx.setProgress(progress(5n));
    });
    const all = await store.scan(NONE, NONE, 100);
    const sorted = keys.map((key) => textOf(Uint8Array.from(key))).sort();
    expect(all.rows.map(({ key }) => textOf(key))).toEqual(sorted);
    expect(all).toMatchObject({ more: false, appliedSeq: 5n });
    const page = await store.scan(Uint8Array.of(0x61), Uint8Array.of(0x61), 1);
    expect(page.rows.map(({ key }) => [...key])).toEqual([[0x61, 0x00]]);
    expect(page.more).toBe(true);
    const rest = await store.scan(Uint8Array.of(0x61), Uint8Array.of(0x61, 0x00), 5);
    expect(rest.rows.map(({ key }) => [...key])).toEqual([[0x61, 0xff]]);
    expect(rest.more).toBe(false);
    const high = await store.scan(Uint8Array.of(0xff), NONE, 5);
    expect(high.rows.map(({ key }) => [...key])).toEqual([[0xff], [0xff, 0xff]]);
    await store.close();
  });

  test("rows are found by the buckets that they are in", async () => {
    const store = await (await makeHome()).open();
    await store.transaction((tx) => {
      tx.published.put({ ...row("a", 1n), bucket: 0 });
      tx.published.put({ ...row("b", 1n), bucket: 5 });
      tx.published.put({ ...row("c", 1n), bucket: 65_535 });
    });
    const keysOf = async (first: number, end: number) =>
      (await store.rowsOfBuckets(first, end)).map(({ key }) => textOf(key)).sort();
    expect(await keysOf(0, 6)).toEqual(["a", "b"]);
    expect(await keysOf(1, 5)).toEqual([]);
    expect(await keysOf(65_535, 65_536)).toEqual(["c"]);
    await store.transaction((tx) => tx.published.put({ ...row("b", 2n), bucket: 6 }));
    expect(await keysOf(5, 6)).toEqual([]);
    await store.close();
  });

  test("a bucket that has become empty is not kept", async () => {
    const store = await (await makeHome()).open();
    await store.transaction((tx) => {
      tx.published.setBuckets([bucket(1, 2), bucket(2, 1)]);
      tx.setProgress(progress(1n));
    });
    await store.transaction((tx) => tx.published.setBuckets([bucket(1, 0)]));
    expect((await store.load()).published?.buckets).toEqual([bucket(2, 1)]);
    await store.close();
  });
}

function staging<Tx>(makeHome: () => Promise<StoreHome<Tx>>): void {
  test("a staged snapshot is apart from what is read, and takes its place at once [REP-56]", async () => {
    const home = await makeHome();
    let store = await home.open();
    await store.transaction((tx) => {
      for (const name of ["a", "b", "c"]) tx.published.put(row(name, 1n));
      tx.published.setBuckets([bucket(1, 3)]);
      tx.setProgress(progress(3n));
      tx.setStaged(stagedProgress(4n));
      tx.staged.put(row("b", 1n));
      tx.staged.put(row("c", 4n));
      tx.staged.put(row("d", 4n));
      tx.staged.setBuckets([bucket(2, 3)]);
    });
    expect((await store.scan(NONE, NONE, 10)).rows).toHaveLength(3);
    await store.close();
    store = await home.open();
    const { staged } = await store.load();
    expect(staged?.progress).toEqual(stagedProgress(4n));
    expect(staged?.buckets).toEqual([bucket(2, 3)]);
    const changed = await store.transaction((tx) => {
      const names = [...tx.differences()].map(({ key, before, after }) => [
        textOf(key),
        before?.seq,
        after?.seq,
      ]);
      tx.publish();
      tx.setProgress(progress(4n));
      return names;
    });
    expect(changed).toEqual([
      ["a", 1n, undefined],
      ["c", 1n, 4n],
      ["d", undefined, 4n],
    ]);
    const { rows, appliedSeq } = await store.scan(NONE, NONE, 10);
    expect(rows.map(({ key, seq }) => [textOf(key), seq])).toEqual([
      ["b", 1n],
      ["c", 4n],
      ["d", 4n],
    ]);
    expect(appliedSeq).toBe(4n);
    const after = await store.load();
    expect(after.published?.buckets).toEqual([bucket(2, 3)]);
    expect(after.staged).toBeUndefined();
    await store.close();
  });
}

function discarding<Tx>(makeHome: () => Promise<StoreHome<Tx>>): void {
  test("a staged snapshot that is given up leaves nothing, also for the next one [REP-57]", async () => {
    const store = await (await makeHome()).open();
    await store.transaction((tx) => {
      tx.setStaged({ ...stagedProgress(4n), high: undefined });
      tx.staged.put(row("x", 1n));
      tx.staged.setBuckets([bucket(3, 1)]);
    });
    expect((await store.load()).staged?.progress.high).toBeUndefined();
    await store.transaction((tx) => {
      tx.discardStaged();
      tx.setStaged(stagedProgress(5n));
      tx.staged.put(row("y", 5n));
    });
    expect((await store.load()).staged?.buckets).toEqual([]);
    await store.transaction((tx) => {
      tx.publish();
      tx.setProgress(progress(5n));
    });
    expect((await store.scan(NONE, NONE, 10)).rows.map(({ key }) => textOf(key))).toEqual(["y"]);
    await store.close();
  });
}

function parking<Tx>(makeHome: () => Promise<StoreHome<Tx>>): void {
  test("parked changes are listed in their order until they are taken out [REP-75]", async () => {
    const home = await makeHome();
    let store = await home.open();
    await store.transaction((tx) => {
      tx.park(letter("a", 1n));
      tx.park(letter("b", 2n));
    });
    await store.transaction((tx) => tx.park(letter("a", 3n)));
    await store.close();
    store = await home.open();
    const letters = await store.letters();
    expect(letters.map(({ id, ...rest }) => rest)).toEqual([
      letter("a", 1n),
      letter("b", 2n),
      letter("a", 3n),
    ]);
    await store.transaction((tx) => tx.unpark(letters[0]?.id ?? 0));
    expect((await store.load()).letters.map(({ seq }) => seq)).toEqual([2n, 3n]);
    await store.close();
  });
}
