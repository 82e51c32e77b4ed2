import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Durability } from "@lockstep/protocol";
import { afterEach, expect, test } from "vitest";
import { journalContract } from "../contract.ts";
import { tables } from "../contract-tables.ts";
import { JournalDeposedError, type JournalPosition, JournalUnknownError } from "../journal.ts";
import { batch, plain, readAll, record } from "../test-records.ts";
import { pageLimits } from "./read-page.ts";
import { openSqliteJournal } from "./sqlite-journal.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-journal-"));
  folders.push(folder);
  return folder;
}

const makeHome = async () => {
  const folder = makeFolder();
  return {
    open: (newLineage?: JournalPosition) => openSqliteJournal({ folder, newLineage }),
  };
};

journalContract("the SQLite journal", makeHome);
tables(makeHome);

test("its files are readable by their owner only, whatever the umask", async () => {
  const umask = process.umask(0);
  const folder = makeFolder();
  const journal = await openSqliteJournal({ folder });
  process.umask(umask);
  await journal.append(0n, batch(1n));
  const files = readdirSync(folder).sort();
  expect(files).toEqual(["journal.db", "journal.db-shm", "journal.db-wal", "mark"]);
  for (const file of files) expect(statSync(join(folder, file)).mode & 0o777, file).toBe(0o600);
  await journal.close();
});

test("it says that it survives a loss of power, and how much room there is", async () => {
  const journal = await openSqliteJournal({ folder: makeFolder() });
  expect(journal.durability).toBe(Durability.LOCAL_DISK);
  expect(await journal.freeBytes()).toBeGreaterThan(0);
  await journal.close();
});

test("a full database fails the append and all after it; opened again it has the rest [REC-46]", async () => {
  const folder = makeFolder();
  const journal = await openSqliteJournal({ folder, maxDatabaseBytes: 81_920 });
  await journal.append(0n, batch(1n));
  const large = { ...record(2n), bytes: new Uint8Array(65_536) };
  const outcomes = await Promise.allSettled([
    journal.append(1n, { epoch: 1n, records: [large] }),
    journal.append(2n, batch(3n)),
  ]);
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: "rejected", reason: expect.any(JournalUnknownError) });
  }
  await expect(journal.append(3n, batch(4n))).rejects.toThrow(JournalUnknownError);
  await expect(readAll(journal)).rejects.toThrow("full");
  expect(journal.state().tail).toBe(1n);
  await journal.close();
  const again = await openSqliteJournal({ folder });
  expect((await readAll(again)).map(plain)).toEqual(batch(1n).records.map(plain));
  await again.close();
});

test("a disk that is full while a snapshot is written stops the journal; the older one is there again [REC-46]", async () => {
  const folder = makeFolder();
  const journal = await openSqliteJournal({ folder, maxDatabaseBytes: 262_144 });
  await journal.append(0n, batch(1n, 9n));
  await journal.writeSnapshot({ revision: 3n, epoch: 1n, chunks: [Buffer.from("state 3")] });
  const chunks = [new Uint8Array(100_000), new Uint8Array(1_000_000)];
  const full = journal.writeSnapshot({ revision: 9n, epoch: 1n, chunks });
  await expect(full).rejects.toThrow(JournalUnknownError);
  for (const after of [
    () => journal.append(9n, batch(10n)),
    () => journal.compact(3n),
    () => journal.readSnapshot(),
  ]) {
    await expect(after()).rejects.toThrow("full");
  }
  await journal.close();
  const again = await openSqliteJournal({ folder });
  expect(again.state()).toMatchObject({ tail: 9n, snapshot: 3n });
  await again.writeSnapshot({ revision: 9n, epoch: 1n, chunks });
  expect(again.state()).toMatchObject({ snapshot: 9n });
  await again.close();
});

test("room that was given back is used again: the file does not grow with what comes and goes", async () => {
  const folder = makeFolder();
  const journal = await openSqliteJournal({ folder });
  const sizes: number[] = [];
  const chunks = Array.from({ length: 4 }, () => new Uint8Array(400_000).fill(1));
  for (let round = 0n; round < 12n; round += 1n) {
    const tail = round * 2_000n;
    await journal.append(tail, batch(tail + 1n, tail + 2_000n));
    await journal.writeSnapshot({ revision: tail + 2_000n, epoch: 1n, chunks });
    await journal.compact(tail + 1_500n);
    sizes.push(statSync(join(folder, "journal.db")).size);
  }
  await journal.close();
  const size = statSync(join(folder, "journal.db")).size;
  expect(size).toBeLessThan(1.5 * Math.max(...sizes.slice(0, 6)));
});

test("another program that holds the database makes the append unknown, not forgotten [REC-46]", async () => {
  const folder = makeFolder();
  const journal = await openSqliteJournal({ folder });
  const other = new DatabaseSync(join(folder, "journal.db"));
  other.exec("BEGIN IMMEDIATE");
  await expect(journal.append(0n, batch(1n))).rejects.toThrow(JournalUnknownError);
  other.close();
  await journal.close();
});

test("another program that wrote a batch deposes the journal", async () => {
  const folder = makeFolder();
  const journal = await openSqliteJournal({ folder });
  const other = new DatabaseSync(join(folder, "journal.db"));
  other.exec("INSERT INTO batches VALUES (9, 9, 1, 0, zeroblob(32), zeroblob(36))");
  other.close();
  await expect(journal.append(0n, batch(1n))).rejects.toThrow(JournalDeposedError);
  await expect(journal.append(1n, batch(2n))).rejects.toThrow(JournalDeposedError);
  await journal.close();
});

test("a page never holds more than the journal allows, whatever the caller does", async () => {
  const journal = await openSqliteJournal({ folder: makeFolder() });
  const last = pageLimits.maxRecords + 1;
  await journal.append(0n, batch(1n, BigInt(last)));
  const all = await journal.read(0n, { maxRecords: 1e6, maxBytes: 1e9 });
  expect([all.records.length, all.more]).toEqual([pageLimits.maxRecords, true]);
  const large = new Uint8Array(pageLimits.maxBytes / 2);
  const records = [1, 2, 3].map((plus) => ({ ...record(BigInt(last + plus)), bytes: large }));
  await journal.append(BigInt(last), { epoch: 1n, records });
  const bytes = await journal.read(BigInt(last), { maxRecords: 1e6, maxBytes: 1e9 });
  expect([bytes.records.length, bytes.more]).toEqual([2, true]);
  await journal.close();
});

test.each([
  ["deleted", (path: string) => rmSync(path)],
  ["replaced", (path: string) => copyFileSync(path, `${path}.new`)],
])("acknowledges nothing more once its database was %s", async (_, spoil) => {
  for (const name of ["journal.db", "journal.db-wal"]) {
    const folder = makeFolder();
    const journal = await openSqliteJournal({ folder });
    await journal.append(0n, batch(1n));
    const path = join(folder, name);
    spoil(path);
    if (existsSync(`${path}.new`)) renameSync(`${path}.new`, path);
    await expect(journal.append(1n, batch(2n))).rejects.toThrow(JournalUnknownError);
    await expect(journal.append(2n, batch(3n))).rejects.toThrow(`${name} was deleted or replaced`);
    await journal.close();
  }
});
