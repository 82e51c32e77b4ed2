import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemRandom } from "../ports/random.ts";
import { type DataFolder, openDataFolder } from "./data-folder.ts";

let path: string;
let folder: DataFolder;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "lockstep-namespaces-"));
  folder = openDataFolder(path, systemRandom);
});
afterEach(() => {
  folder.close();
  rmSync(path, { recursive: true });
});

test("a folder that nobody has used has no namespaces", () => {
  expect(folder.namespaces()).toEqual([]);
});

test("every namespace that has a folder is found by its name, however long", () => {
  const names = ["default", "Team/ü", "x".repeat(512), "/".repeat(512)];
  for (const name of names) folder.namespaceFolder(name);
  for (const name of names) folder.namespaceFolder(name);
  expect([...folder.namespaces()].sort()).toEqual(names.sort());
});

test("a folder that belongs to no namespace is refused, and the sentence says which", () => {
  folder.namespaceFolder("default");
  writeFileSync(join(path, "namespaces", "note.txt"), "files are left alone");
  mkdirSync(join(path, "namespaces", "Backup of May"));
  expect(() => folder.namespaces()).toThrow("Backup of May is not the folder of a namespace");
});

test("a folder that was made and not yet named is no namespace", () => {
  const inside = folder.namespaceFolder("x".repeat(300));
  rmSync(join(inside, "name"));
  writeFileSync(join(inside, "name.new"), "xx");
  expect(folder.namespaces()).toEqual([]);
});

test.each<[string, (file: string) => void]>([
  ["missing", (file) => rmSync(file)],
  ["that of another namespace", (file) => writeFileSync(file, "default")],
])("a name that is %s is refused", (_, spoil) => {
  const inside = folder.namespaceFolder("x".repeat(300));
  writeFileSync(join(inside, "journal.db"), "");
  spoil(join(inside, "name"));
  expect(() => folder.namespaces()).toThrow("the name of the namespace, is missing or spoilt");
});
