import { expect, test } from "vitest";
import { journalLimits } from "./check-batch.ts";
import type { JournalHome } from "./contract.ts";
import type { Journal, JournalSnapshot } from "./journal.ts";
import { batch, plain, readAll } from "./test-records.ts";

/** A snapshot whose chunks say which it is. */
function snapshotAt(revision: bigint, epoch = 1n, count = 3): JournalSnapshot {
  const chunks = Array.from({ length: count }, (_, at) => Buffer.from(`state ${revision}/${at}`));
  return { revision, epoch, chunks };
}

/** The snapshot a journal has, as text. */
async function readBack(journal: Journal) {
  const snapshot = await journal.readSnapshot();
  if (snapshot === undefined) return undefined;
  const chunks: string[] = [];
  for await (const chunk of snapshot.chunks) chunks.push(Buffer.from(chunk).toString("latin1"));
  return { revision: snapshot.revision, epoch: snapshot.epoch, chunks };
}

function asRead({ revision, epoch, chunks }: JournalSnapshot) {
  const texts = [...(chunks as Iterable<Uint8Array>)].map((chunk) =>
    Buffer.from(chunk).toString("latin1"),
  );
  return { revision, epoch, chunks: texts };
}

/** A journal with revisions 1 to `last`, three in a batch, and a snapshot. */
async function filled(
  makeHome: () => Promise<JournalHome>,
  last: bigint,
  snapshotRevision: bigint,
) {
  const home = await makeHome();
  const journal = await home.open();
  for (let first = 1n; first <= last; first += 3n) {
    await journal.append(first - 1n, batch(first, first + 2n));
  }
  await journal.writeSnapshot(snapshotAt(snapshotRevision));
  return { home, journal };
}

type MakeHome = () => Promise<JournalHome>;

/** What every journal keeps about snapshots. */
export function snapshots(makeHome: MakeHome): void {
  writingSnapshots(makeHome);
  replacingSnapshots(makeHome);
  refusingSnapshots(makeHome);
}

/** What every journal keeps about compaction. */
export function compacting(makeHome: MakeHome): void {
  dropping(makeHome);
  keeping(makeHome);
}

function writingSnapshots(makeHome: MakeHome): void {
  test("a snapshot reads back the same, before and after the journal is opened again", async () => {
    const home = await makeHome();
    let journal = await home.open();
    expect(await journal.readSnapshot()).toBeUndefined();
    await journal.append(0n, batch(1n, 9n, 3n));
    await journal.writeSnapshot(snapshotAt(5n, 2n));
    for (const round of ["before", "after"]) {
      expect(journal.state(), round).toMatchObject({ tail: 9n, snapshot: 5n, base: 0n, floor: 0n });
      expect(await readBack(journal)).toEqual(asRead(snapshotAt(5n, 2n)));
      await journal.close();
      journal = await home.open();
    }
    await journal.close();
  });

  test("chunks are taken one by one, of any size allowed, and copied", async () => {
    const journal = await (await makeHome()).open();
    await journal.append(0n, batch(1n));
    const buffer = new Uint8Array(journalLimits.maxSnapshotChunkBytes);
    async function* chunks() {
      for (const length of [1, buffer.length, 7]) {
        buffer.fill(length % 251);
        yield buffer.subarray(0, length);
      }
    }
    await journal.writeSnapshot({ revision: 1n, epoch: 1n, chunks: chunks() });
    buffer.fill(0);
    const read = await journal.readSnapshot();
    const found: [number, number | undefined][] = [];
    for await (const chunk of read?.chunks ?? []) found.push([chunk.length, chunk[0]]);
    expect(found).toEqual([1, buffer.length, 7].map((length) => [length, length % 251]));
    await journal.close();
  });
}

function replacingSnapshots(makeHome: MakeHome): void {
  test("a newer snapshot replaces the older one, and appends go on between its chunks", async () => {
    const { home, journal } = await filled(makeHome, 9n, 4n);
    async function* chunks() {
      for (let tail = 9n; tail < 12n; tail += 1n) {
        await journal.append(tail, batch(tail + 1n));
        expect((await readBack(journal))?.revision).toBe(4n);
        yield Buffer.from(`state 9/${tail}`);
      }
    }
    await journal.writeSnapshot({ revision: 9n, epoch: 1n, chunks: chunks() });
    expect((await readBack(journal))?.chunks).toEqual(["state 9/9", "state 9/10", "state 9/11"]);
    await journal.close();
    const again = await home.open();
    expect(again.state()).toMatchObject({ tail: 12n, snapshot: 9n });
    expect((await readBack(again))?.chunks).toHaveLength(3);
    await again.close();
  });

  test("a snapshot whose making fails leaves the older one, and the journal goes on", async () => {
    const { home, journal } = await filled(makeHome, 9n, 4n);
    async function* chunks() {
      yield Buffer.from("half a state");
      throw new Error("the maker gave up");
    }
    const failed = journal.writeSnapshot({ revision: 9n, epoch: 1n, chunks: chunks() });
    await expect(failed).rejects.toThrow("the maker gave up");
    expect((await readBack(journal))?.revision).toBe(4n);
    await journal.append(9n, batch(10n));
    await journal.close();
    const again = await home.open();
    expect(await readBack(again)).toEqual(asRead(snapshotAt(4n)));
    await again.writeSnapshot(snapshotAt(10n));
    expect(await readBack(again)).toEqual(asRead(snapshotAt(10n)));
    await again.close();
  });
}

function refusingSnapshots(makeHome: MakeHome): void {
  test("a snapshot that breaks a bound is refused and changes nothing", async () => {
    const { journal } = await filled(makeHome, 9n, 4n);
    const bad: Record<string, JournalSnapshot> = {
      "above the tail": snapshotAt(10n),
      "older than the present one": snapshotAt(3n),
      "of a later epoch": snapshotAt(9n, 2n),
      "of no epoch": snapshotAt(9n, 0n),
      "without a chunk": snapshotAt(9n, 1n, 0),
      "with an empty chunk": { ...snapshotAt(9n), chunks: [new Uint8Array(0)] },
      "with a large chunk": {
        ...snapshotAt(9n),
        chunks: [new Uint8Array(journalLimits.maxSnapshotChunkBytes + 1)],
      },
    };
    for (const [bound, snapshot] of Object.entries(bad)) {
      await expect(journal.writeSnapshot(snapshot), bound).rejects.toThrow(RangeError);
    }
    const both = [snapshotAt(8n), snapshotAt(9n)].map((one) => journal.writeSnapshot(one));
    const outcomes = await Promise.allSettled(both);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect((await readBack(journal))?.revision).toBe(8n);
    await journal.close();
  });

  test("going through a snapshot that has been replaced fails", async () => {
    const { journal } = await filled(makeHome, 9n, 4n);
    const older = await journal.readSnapshot();
    await journal.writeSnapshot(snapshotAt(9n));
    await journal.compact(0n);
    const goThrough = async () => {
      for await (const _ of older?.chunks ?? []);
    };
    await expect(goThrough()).rejects.toThrow("replaced");
    await journal.close();
  });
}

function dropping(makeHome: MakeHome): void {
  test("compaction drops what lies at or below the floor, and nothing above [REC-13]", async () => {
    const { home, journal: first } = await filled(makeHome, 30n, 20n);
    let journal = first;
    await journal.compact(15n);
    for (const round of ["before", "after"]) {
      const state = journal.state();
      expect(state, round).toMatchObject({ tail: 30n, floor: 15n, snapshot: 20n });
      expect(state.base).toBeLessThanOrEqual(15n);
      expect(state.base).toBeGreaterThanOrEqual(13n);
      const kept = batch(state.base + 1n, 30n).records.map(plain);
      expect((await readAll(journal)).map(plain)).toEqual(kept);
      const filter = { kind: "keys", keys: ["key/3", "key/16"] } as const;
      expect((await readAll(journal, { filter })).map((one) => one.revision)).toEqual([16n]);
      expect(await readBack(journal)).toEqual(asRead(snapshotAt(20n)));
      await journal.close();
      journal = await home.open();
    }
    await journal.append(30n, batch(31n));
    expect(await readAll(journal, { after: 30n })).toHaveLength(1);
    await journal.close();
  });

  test("a floor never falls, and never passes the snapshot [REC-13]", async () => {
    const { journal } = await filled(makeHome, 30n, 20n);
    await journal.compact(12n);
    await journal.compact(5n);
    expect(journal.state().floor).toBe(12n);
    await expect(journal.compact(21n)).rejects.toThrow(RangeError);
    expect(journal.state().floor).toBe(12n);
    await journal.compact(20n);
    expect(journal.state().floor).toBe(20n);
    await journal.close();
  });

  test("without a snapshot nothing is dropped [REC-13]", async () => {
    const journal = await (await makeHome()).open();
    await journal.append(0n, batch(1n, 9n));
    await expect(journal.compact(1n)).rejects.toThrow(RangeError);
    await journal.compact(0n);
    expect(await readAll(journal)).toHaveLength(9);
    await journal.close();
  });
}

function keeping(makeHome: MakeHome): void {
  test("a journal whose every record is in the snapshot goes on", async () => {
    const { home, journal } = await filled(makeHome, 9n, 9n);
    await journal.compact(9n);
    expect(journal.state()).toMatchObject({ tail: 9n, floor: 9n, snapshot: 9n });
    await journal.close();
    let again = await home.open();
    await again.append(9n, batch(10n));
    await again.close();
    again = await home.open();
    expect(await readAll(again, { after: 9n })).toHaveLength(1);
    await again.close();
  });

  test("what an older lineage left is dropped as well once a snapshot covers it", async () => {
    const { home, journal } = await filled(makeHome, 9n, 4n);
    await journal.close();
    let again = await home.open({ revision: 1_000n, epoch: 5n });
    await again.append(9n, batch(1_000n, 1_002n, 5n));
    await again.compact(0n);
    expect(again.state()).toMatchObject({ floor: 999n, tail: 1_002n });
    expect(again.state().base).toBeLessThanOrEqual(4n);
    await again.writeSnapshot(snapshotAt(1_001n, 5n));
    await again.compact(0n);
    expect(again.state()).toMatchObject({ floor: 999n, base: 9n });
    await again.close();
    again = await home.open();
    expect(again.state()).toMatchObject({ floor: 999n, base: 9n, snapshot: 1_001n });
    expect((await readAll(again)).map(({ revision }) => revision)).toEqual([
      1_000n,
      1_001n,
      1_002n,
    ]);
    await again.close();
  });

  test("appends made while it compacts are durable in their order", async () => {
    const { home, journal } = await filled(makeHome, 300n, 300n);
    const compaction = journal.compact(290n);
    const appends = [301n, 302n, 303n].map((revision) =>
      journal.append(revision - 1n, batch(revision)),
    );
    await Promise.all([compaction, ...appends]);
    await journal.close();
    const again = await home.open();
    expect(again.state()).toMatchObject({ tail: 303n, floor: 290n });
    expect(await readAll(again, { after: 300n })).toHaveLength(3);
    await again.close();
  });
}
