import { describe, expect, test } from "vitest";
import { journalLimits } from "./check-batch.ts";
import { compacting, snapshots } from "./contract-snapshots.ts";
import {
  type Journal,
  type JournalBatch,
  JournalDeposedError,
  type JournalFilter,
  type JournalPosition,
  type JournalRecord,
} from "./journal.ts";
import { batch, plain, readAll, record } from "./test-records.ts";

/** A place where one journal lives, for the contract test. */
export interface JournalHome {
  /** Opens the journal; the one opened before has been closed. */
  open(newLineage?: JournalPosition): Promise<Journal>;
}

/** What every journal keeps, whatever it is made of. */
export function journalContract(name: string, makeHome: () => Promise<JournalHome>): void {
  describe(`${name} keeps the contract of a journal`, () => {
    appending(makeHome);
    sharing(makeHome);
    refusing(makeHome);
    reading(makeHome);
    readingFar(makeHome);
    lineages(makeHome);
    snapshots(makeHome);
    compacting(makeHome);
  });
}

function appending(makeHome: () => Promise<JournalHome>): void {
  test("a new journal is empty", async () => {
    const journal = await (await makeHome()).open();
    expect(journal.state()).toEqual(stateAt(0n, 0n));
    expect(await readAll(journal)).toEqual([]);
    await journal.close();
  });

  test("what was appended reads back the same, before and after it is opened again", async () => {
    const home = await makeHome();
    let journal = await home.open();
    const first = { epoch: 3n, records: [record(1n, "a", "ü/😀"), record(2n)] };
    const empty = { revision: 3n, bytes: new Uint8Array(), keys: ["a", "a", ""] };
    await journal.append(0n, first);
    await journal.append(2n, { epoch: 4n, records: [empty] });
    for (const round of ["before", "after"]) {
      expect(journal.state(), round).toEqual(stateAt(3n, 4n));
      expect((await readAll(journal)).map(plain)).toEqual([...first.records, empty].map(plain));
      await journal.close();
      journal = await home.open();
    }
    await journal.close();
  });

  test("appends may be under way together and become durable in the order of the calls", async () => {
    const journal = await (await makeHome()).open();
    const settled: bigint[] = [];
    const appends: Promise<unknown>[] = [];
    for (let revision = 1n; revision <= 300n; revision += 1n) {
      const append = journal.append(revision - 1n, batch(revision));
      appends.push(append.then(() => settled.push(revision)));
    }
    await Promise.all(appends);
    expect(settled).toEqual(Array.from({ length: 300 }, (_, index) => BigInt(index + 1)));
    expect(await readAll(journal)).toHaveLength(300);
    await journal.close();
  });
}

function sharing(makeHome: () => Promise<JournalHome>): void {
  test("an append copies: the caller may use its buffers again", async () => {
    const journal = await (await makeHome()).open();
    const bytes = Buffer.from("event 1");
    const append = journal.append(0n, { epoch: 1n, records: [{ revision: 1n, bytes, keys: [] }] });
    bytes.fill(0);
    await append;
    expect((await readAll(journal)).map(plain)).toEqual([plain(record(1n))]);
    await journal.close();
  });

  test("close waits for appends under way, and after it nothing is taken", async () => {
    const home = await makeHome();
    const journal = await home.open();
    const append = journal.append(0n, batch(1n));
    await journal.close();
    await append;
    await expect(journal.append(1n, batch(2n))).rejects.toThrow("closed");
    await expect(journal.read(0n, { maxRecords: 1, maxBytes: 1 })).rejects.toThrow("closed");
    const again = await home.open();
    expect(again.state().tail).toBe(1n);
    await again.close();
  });
}

function refusing(makeHome: () => Promise<JournalHome>): void {
  test("an append that expects another tail is deposed, and so are all later ones", async () => {
    const home = await makeHome();
    const journal = await home.open();
    await journal.append(0n, batch(1n));
    await expect(journal.append(0n, batch(2n))).rejects.toThrow(JournalDeposedError);
    await expect(journal.append(1n, batch(2n))).rejects.toThrow(JournalDeposedError);
    await journal.close();
    const again = await home.open();
    expect((await readAll(again)).map(plain)).toEqual(batch(1n).records.map(plain));
    await again.close();
  });

  test("a batch that breaks a bound is refused and changes nothing", async () => {
    const journal = await (await makeHome()).open();
    await journal.append(0n, batch(1n, 5n, 2n));
    for (const [bound, bad] of Object.entries(badBatches())) {
      await expect(journal.append(5n, bad), bound).rejects.toThrow(RangeError);
    }
    await journal.append(5n, atAllBounds());
    expect(journal.state().tail).toBe(6n);
    expect((await readAll(journal, { after: 5n })).map(plain)).toEqual(
      atAllBounds().records.map(plain),
    );
    await journal.close();
  });
}

function reading(makeHome: () => Promise<JournalHome>): void {
  test("pages end at their limits and hold at least one record", async () => {
    const journal = await (await makeHome()).open();
    await journal.append(0n, batch(1n, 20n));
    const seven = "event 1".length;
    const pages = [
      { limit: { maxRecords: 3, maxBytes: 1000 }, records: 3, scannedTo: 3n, more: true },
      {
        limit: { maxRecords: 100, maxBytes: 2 * seven + 1 },
        records: 2,
        scannedTo: 2n,
        more: true,
      },
      { limit: { maxRecords: 100, maxBytes: 1 }, records: 1, scannedTo: 1n, more: true },
      { limit: { maxRecords: 20, maxBytes: 1000 }, records: 20, scannedTo: 20n, more: false },
    ];
    for (const { limit, records, scannedTo, more } of pages) {
      const page = await journal.read(0n, limit);
      expect([page.records.length, page.scannedTo, page.more]).toEqual([records, scannedTo, more]);
    }
    const beyond = await journal.read(30n, { maxRecords: 1, maxBytes: 1 });
    expect(beyond).toEqual({ records: [], scannedTo: 30n, more: false });
    await journal.close();
  });

  test("a filter chooses by key and by prefix, in pages of any size", async () => {
    const journal = await (await makeHome()).open();
    const names = ["a", "a/1", "a/2", "a0", "ä", "b", "", "a/😀"];
    const records = Array.from({ length: 100 }, (_, index) => {
      const keys = names.filter((_, bit) => (index * 37 + bit * bit) % 5 === 0);
      return record(BigInt(index + 1), ...keys);
    });
    await journal.append(0n, { epoch: 1n, records });
    for (const maxRecords of [1, 7, 1000]) {
      for (const [filter, chosen] of choices()) {
        for (const after of [0n, 42n, 100n]) {
          const found = await readAll(journal, { after, filter, maxRecords });
          const expected = records.filter((one) => one.revision > after && chosen(one));
          expect(found.map(plain)).toEqual(expected.map(plain));
        }
      }
    }
    await journal.close();
  });
}

function readingFar(makeHome: () => Promise<JournalHome>): void {
  test("a filter finds what lies far apart in a long history, before and after it is opened again", async () => {
    const home = await makeHome();
    let journal = await home.open();
    const records = Array.from({ length: 12_000 }, (_, index) => {
      const keys = [`key/${index % 1_999}`, ...(index % 4_001 === 7 ? ["seldom/ü"] : [])];
      return record(BigInt(index + 1), ...keys);
    });
    for (let tail = 0; tail < records.length; tail += 800) {
      const next = records.slice(tail, tail + 800);
      await journal.append(BigInt(tail), { epoch: 1n, records: next });
    }
    const far: [JournalFilter, RegExp][] = [
      [{ kind: "keys", keys: ["key/5", "seldom/ü"] }, /^(key\/5|seldom\/ü)$/],
      [{ kind: "prefix", prefix: "seldom" }, /^seldom/],
      [{ kind: "prefix", prefix: "key/199" }, /^key\/199/],
    ];
    for (const round of ["before", "after"]) {
      for (const [filter, chosen] of far) {
        const found = await readAll(journal, { filter, after: 7n });
        const expected = records
          .slice(7)
          .filter(({ keys }) => keys.some((key) => chosen.test(key)));
        expect(found.map(plain), round).toEqual(expected.map(plain));
      }
      await journal.close();
      journal = await home.open();
    }
    await journal.close();
  });
}

function lineages(makeHome: () => Promise<JournalHome>): void {
  test("a new lineage begins where it is told, and its floor lies just below", async () => {
    const home = await makeHome();
    let journal = await home.open();
    await journal.append(0n, batch(1n, 3n, 7n));
    await journal.close();
    journal = await home.open({ revision: 1000n, epoch: 50n });
    const justBelow = { revision: 999n, epoch: 49n };
    expect(journal.state()).toEqual({ ...stateAt(3n, 7n), floor: 999n, highest: justBelow });
    await expect(journal.append(3n, batch(999n, 999n, 50n))).rejects.toThrow(RangeError);
    await expect(journal.append(3n, batch(1000n, 1000n, 48n))).rejects.toThrow(RangeError);
    await journal.append(3n, batch(1000n, 1001n, 50n));
    await journal.close();
    journal = await home.open();
    expect(journal.state()).toEqual({ ...stateAt(1001n, 50n), floor: 999n });
    expect((await readAll(journal)).map((one) => one.revision)).toEqual([1n, 2n, 3n, 1000n, 1001n]);
    await journal.close();
  });

  test("a new lineage never begins at or below what is known", async () => {
    const home = await makeHome();
    let journal = await home.open();
    await journal.append(0n, batch(1n, 3n, 7n));
    await journal.close();
    journal = await home.open({ revision: 2n, epoch: 1n });
    expect(journal.state().highest).toEqual({ revision: 3n, epoch: 7n });
    expect(journal.state().floor).toBe(3n);
    await journal.close();
  });
}

function stateAt(tail: bigint, epoch: bigint) {
  const highest = { revision: tail, epoch };
  return { tail, epoch, floor: 0n, base: 0n, snapshot: undefined, highest };
}

function badBatches(): Record<string, JournalBatch> {
  const { maxRecordBytes, maxKeysPerRecord, maxKeyBytes, maxRecordsPerBatch } = journalLimits;
  const only = (one: Partial<JournalRecord>) => ({
    epoch: 2n,
    records: [{ ...record(6n), ...one }],
  });
  const large = new Uint8Array(maxRecordBytes);
  const many = Array.from({ length: 65 }, (_, index) => ({
    ...record(BigInt(6 + index)),
    bytes: large,
  }));
  return {
    "no record": { epoch: 2n, records: [] },
    "too many records": batch(6n, 6n + BigInt(maxRecordsPerBatch), 2n),
    "too many bytes together": { epoch: 2n, records: many },
    "an epoch that falls": batch(6n, 6n, 1n),
    "a revision that is taken": batch(5n, 6n, 2n),
    "a gap": { epoch: 2n, records: [record(6n), record(8n)] },
    "a repeat": { epoch: 2n, records: [record(6n), record(6n)] },
    "a revision of 2^63": batch(2n ** 63n, 2n ** 63n, 2n),
    "an epoch of 2^63": batch(6n, 6n, 2n ** 63n),
    "a large record": only({ bytes: new Uint8Array(maxRecordBytes + 1) }),
    "many keys": only({ keys: Array.from({ length: maxKeysPerRecord + 1 }, String) }),
    "a long key": only({ keys: ["ü".repeat(maxKeyBytes / 2 + 1)] }),
  };
}

function atAllBounds(): JournalBatch {
  const { maxRecordBytes, maxKeysPerRecord, maxKeyBytes } = journalLimits;
  const keys = Array.from({ length: maxKeysPerRecord }, (_, index) =>
    String(index).padStart(maxKeyBytes, "k"),
  );
  return {
    epoch: 2n ** 63n - 1n,
    records: [{ revision: 6n, bytes: new Uint8Array(maxRecordBytes).fill(9), keys }],
  };
}

function choices(): [JournalFilter, (one: JournalRecord) => boolean][] {
  const byKeys = (...keys: string[]): [JournalFilter, (one: JournalRecord) => boolean] => [
    { kind: "keys", keys },
    (one) => one.keys.some((key) => keys.includes(key)),
  ];
  const byPrefix = (prefix: string): [JournalFilter, (one: JournalRecord) => boolean] => [
    { kind: "prefix", prefix },
    (one) => one.keys.some((key) => key.startsWith(prefix)),
  ];
  return [
    [{ kind: "all" }, () => true],
    byKeys("a"),
    byKeys("a/1", "b", "a/1"),
    byKeys("absent"),
    byKeys(),
    byPrefix("a/"),
    byPrefix("a"),
    byPrefix("ä"),
    byPrefix("absent"),
    byPrefix(""),
  ];
}
