import { expect, test } from "vitest";
import { namespaceFolderName, namespaceOfFolder } from "./folder-name.ts";

test.each([
  ["default", "default"],
  ["team-1_a", "team-1_a"],
  ["Team", "%54eam"],
  [".", "%2e"],
  ["..", "%2e%2e"],
  ["a/b", "a%2fb"],
  ["a%2fb", "a%252fb"],
  ["~x", "%7ex"],
  ["é", "%c3%a9"],
  ["e\u0301", "e%cc%81"],
  ["x".repeat(200), "x".repeat(200)],
])("%s is in the folder %s", (namespace, folder) => {
  expect(namespaceFolderName(namespace)).toBe(folder);
});

test("a name that is too long for a file system becomes its hash", () => {
  const long = ["x".repeat(201), "x".repeat(512), "ü".repeat(34), "/".repeat(512)];
  const folders = long.map(namespaceFolderName);
  expect(new Set(folders).size).toBe(long.length);
  for (const folder of folders) expect(folder).toMatch(/^~[0-9a-f]{64}$/);
});

test("the name of a folder leads back to its namespace", () => {
  for (const namespace of ["default", "Team", "..", "a/b", "a%2fb", "~x", "é", "x".repeat(200)]) {
    expect(namespaceOfFolder(namespaceFolderName(namespace))).toBe(namespace);
  }
});

test.each([
  "",
  "Team",
  "a.b",
  "%",
  "%zz",
  "%41%",
  "%61",
  "%ff",
  "x".repeat(201),
  `~${"0".repeat(64)}`,
])("%j is not the name of a namespace's folder", (folder) => {
  expect(namespaceOfFolder(folder)).toBeUndefined();
});
