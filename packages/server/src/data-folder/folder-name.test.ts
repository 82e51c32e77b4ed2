import { expect, test } from "vitest";
import { namespaceFolderName } from "./folder-name.ts";

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
