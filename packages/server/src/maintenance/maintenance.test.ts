import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openDataFolder } from "../data-folder/data-folder.ts";
import { JournalOpenError, type JournalState } from "../journal/journal.ts";
import { openSqliteJournal } from "../journal/sqlite/sqlite-journal.ts";
import { systemRandom } from "../ports/random.ts";
import { backupData } from "./backup-data.ts";
import { restoreData } from "./restore-data.ts";
import { LINEAGE, NAMES, serve, serveFilled } from "./testing-support/served-data.ts";
import { verifyData } from "./verify-data.ts";

const places: string[] = [];
afterEach(() => {
  for (const place of places.splice(0)) rmSync(place, { recursive: true });
});

/** The data of a server that was filled and stopped; tests copy it. */
let filled: string;
/** What it held: the states of its journals by namespace. */
const held = new Map<string, JournalState>();
beforeAll(async () => {
  filled = mkdtempSync(join(tmpdir(), "lockstep-maintenance-"));
  const { opened, close } = await serveFilled(filled);
  await close();
  for (const { name, journal } of opened) held.set(name, journal.state());
});
afterAll(() => rmSync(filled, { recursive: true }));

/** A place with a copy of that data in its folder `data`. */
function makeFilledPlace(): string {
  const place = makePlace();
  cpSync(filled, join(place, "data"), { recursive: true });
  return place;
}

function makePlace(): string {
  const place = mkdtempSync(join(tmpdir(), "lockstep-maintenance-"));
  places.push(place);
  return place;
}

function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true }).map(String).sort();
}

test("what is verified is what a server had, and nothing in the folder changes", async () => {
  const path = join(makeFilledPlace(), "data");
  const before = filesIn(path);
  const verified = await verifyData(path);
  expect(verified).toMatchObject({ folder: path, isBackup: false });
  expect(verified.namespaces.map(({ namespace }) => namespace).sort()).toEqual([...NAMES].sort());
  for (const found of verified.namespaces) {
    const { tail, epoch, floor, snapshot = 0n } = held.get(found.namespace) as JournalState;
    expect(floor).toBeGreaterThan(0n);
    expect(found).toMatchObject({ revision: tail, epoch, floor, snapshotRevision: snapshot });
    expect(found).toMatchObject({ holds: 2, waiters: 2, sessions: 2, notices: [] });
    expect(found.replayedEvents).toBe(Number(tail - snapshot));
    expect(found.bytes).toBeGreaterThan(0);
  }
  expect(filesIn(path)).toEqual(before);
});

test("a folder that a server uses is not verified [REC-45]", async () => {
  const path = makePlace();
  const { close } = await serve(path);
  await expect(verifyData(path)).rejects.toMatchObject({ problem: "FOLDER_IN_USE" });
  await close();
  await verifyData(path);
});

test("what happened after the backup is missing in it, and what was before is there [REC-30]", async () => {
  const place = makeFilledPlace();
  const [data, backup, restored] = ["data", "backup", "restored"].map((name) => join(place, name));
  const { opened, folder, close } = await serve(String(data));
  const tails = opened.map(({ journal }) => journal.state().tail);
  const made = await backupData(String(data), String(backup));
  for (const { churn } of opened) await churn.round(1, 1);
  await close();

  expect(made).toMatchObject({ folder: backup, clusterId: folder.clusterId });
  const ends = new Map(made.namespaces.map((one) => [one.namespace, one.revision]));
  expect(ends).toEqual(new Map(opened.map(({ name }, at) => [name, tails[at]])));
  expect(
    filesIn(String(backup)).filter((name) => /mark|lock|-wal|-shm|partial/.test(name)),
  ).toEqual([]);
  const verified = await verifyData(String(backup));
  expect(verified.isBackup).toBe(true);
  for (const namespace of verified.namespaces)
    expect(namespace).toMatchObject({ holds: 2, waiters: 2 });

  const told = await restoreData(String(backup), String(restored));
  expect(told).toMatchObject({ folder: restored, clusterId: folder.clusterId });
  // Nothing shows that it is complete: it is served only in a new lineage.
  await expect(serve(String(restored))).rejects.toMatchObject({ problem: "MARK_MISSING" });
  await expect(verifyData(String(restored))).rejects.toMatchObject({ problem: "MARK_MISSING" });
  const again = await serve(String(restored), LINEAGE);
  for (const { executor } of again.opened) {
    const { counters, epoch } = executor.info();
    expect([counters?.holds, counters?.waiters, epoch]).toEqual([2n, 2n, LINEAGE.epoch]);
  }
  await again.close();
});

test("the folder of a server that was killed can be verified and backed up", async () => {
  const place = makeFilledPlace();
  const { opened, close } = await serve(join(place, "data"));
  for (const { churn } of opened) await churn.round(1, 1);
  cpSync(join(place, "data"), join(place, "killed"), { recursive: true });
  await close();
  const killed = await verifyData(join(place, "killed"));
  const { namespaces } = await backupData(join(place, "killed"), join(place, "backup"));
  expect(namespaces.map(({ revision }) => revision)).toEqual(
    killed.namespaces.map(({ revision }) => revision),
  );
  await verifyData(join(place, "backup"));
});

test("a backup says how far it has come", async () => {
  const place = makeFilledPlace();
  const seen: string[] = [];
  await backupData(join(place, "data"), join(place, "backup"), ({ namespace, revision, tail }) => {
    expect(revision).toBeLessThanOrEqual(tail);
    seen.push(namespace);
  });
  expect([...new Set(seen)].sort()).toEqual([...NAMES].sort());
});

test("nothing is overwritten, and nothing is left of what failed", async () => {
  const place = makeFilledPlace();
  const at = (name: string) => join(place, name);
  const message = (says: string) =>
    expect.objectContaining({ name: "DataFolderError", message: expect.stringContaining(says) });
  writeFileSync(at("file"), "");
  await expect(backupData(at("data"), at("file"))).rejects.toEqual(message("not empty"));
  await expect(backupData(at("data"), at("data"))).rejects.toEqual(message("data folder itself"));
  await expect(backupData(at("data"), at("data/b"))).rejects.toEqual(message("data folder itself"));
  await expect(backupData(at("nowhere"), at("b"))).rejects.toEqual(message("no data of a server"));
  await backupData(at("data"), at("b"));
  await expect(backupData(at("data"), at("b"))).rejects.toEqual(message("not empty"));
  await expect(restoreData(at("b"), at("data"))).rejects.toEqual(message("not empty"));
  await expect(restoreData(at("data"), at("r"))).rejects.toEqual(message("no backup"));
  writeFileSync(at("c.partial"), "");
  await expect(backupData(at("data"), at("c"))).rejects.toEqual(message("c.partial is left"));
  rmSync(at("c.partial"));
  const database = journalIn(at("data"));
  new DatabaseSync(database).exec("UPDATE batches SET body = zeroblob(length(body))");
  await expect(backupData(at("data"), at("c"))).rejects.toMatchObject({ problem: "DAMAGED" });
  expect(existsSync(at("c")) || existsSync(at("c.partial"))).toBe(false);
});

test.each<[string, (backup: string) => void, string]>([
  [
    "an event changed",
    (at) => change(at, "UPDATE batches SET body = zeroblob(length(body))"),
    "is damaged",
  ],
  [
    "the snapshot changed",
    (at) => change(at, "UPDATE snapshot_chunks SET bytes = x'00'"),
    "snapshot of revision",
  ],
  ["the snapshot was taken out", (at) => change(at, "DELETE FROM snapshot"), "no snapshot"],
  [
    "a namespace was taken out",
    (at) => rmSync(join(at, "namespaces", "default"), { recursive: true }),
    "is missing",
  ],
  ["a journal was taken out", (at) => rmSync(journalIn(at)), "ends at revision 0"],
  ["its last batch was taken out", dropLastBatch, "ends at revision"],
  [
    "its file backup changed",
    (at) => writeFileSync(join(at, "backup"), "{}"),
    "is not what a backup",
  ],
  ["its identity was taken out", (at) => rmSync(join(at, "identity")), "no data of a server"],
])("a backup is refused once %s, and nothing is restored", async (_, spoil, says) => {
  const place = makeFilledPlace();
  const [backup, to] = [join(place, "backup"), join(place, "restored")];
  await backupData(join(place, "data"), backup);
  spoil(backup);
  await expect(verifyData(backup)).rejects.toThrow(says);
  await expect(restoreData(backup, to)).rejects.toThrow(says);
  expect(readdirSync(place).sort()).toEqual(["backup", "data"]);
});

test("events that do not follow from one another are refused although every byte is right", async () => {
  const path = makePlace();
  const folder = openDataFolder(path, systemRandom);
  const journal = await openSqliteJournal({ folder: folder.namespaceFolder("default") });
  const records = [{ revision: 1n, bytes: new Uint8Array([0x08, 0x05]), keys: [] }];
  await journal.append(0n, { epoch: 1n, records });
  await journal.close();
  folder.close();
  await expect(verifyData(path)).rejects.toThrow(/journal\.db.*does not follow/);
  await expect(verifyData(path)).rejects.toBeInstanceOf(JournalOpenError);
});

test("a namespace that has nothing yet is whole, and is not in a backup", async () => {
  const place = makePlace();
  const folder = openDataFolder(join(place, "data"), systemRandom);
  folder.namespaceFolder("default");
  folder.close();
  const { namespaces } = await verifyData(join(place, "data"));
  expect(namespaces).toMatchObject([{ namespace: "default", revision: 0n }]);
  const backup = await backupData(join(place, "data"), join(place, "backup"));
  expect(backup.namespaces).toEqual([]);
  await restoreData(join(place, "backup"), join(place, "restored"));
  const identity = (name: string) => readFileSync(join(place, name, "identity"), "utf8");
  expect(identity("restored")).toBe(identity("data"));
});

function journalIn(path: string): string {
  return join(path, "namespaces", "default", "journal.db");
}

function change(path: string, sql: string): void {
  const database = new DatabaseSync(journalIn(path));
  database.exec(sql);
  database.close();
}

function dropLastBatch(path: string): void {
  change(
    path,
    "DELETE FROM batches WHERE last_revision = (SELECT max(last_revision) FROM batches)",
  );
}
