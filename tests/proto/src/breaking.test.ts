import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..");
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

test("renumbering a field of a released message is refused, and the message names the field", () => {
  const before = contract(message("string key = 1;"));
  const after = contract(message("string key = 2;"));
  const { status, stdout } = breaking(after, before);
  expect(status).toBe(100);
  expect(stdout).toContain('Previously present field "1" with name "key"');
});

test("moving a released message to another file is refused", () => {
  const before = contract(message("string key = 1;"));
  const after = contract(message("string key = 1;"), "moved.proto");
  const { status } = breaking(after, before);
  expect(status).toBe(100);
});

test("adding a field is accepted", () => {
  const before = contract(message("string key = 1;"));
  const after = contract(message("string key = 1; string owner = 2;"));
  const { status, stdout } = breaking(after, before);
  expect(stdout).toBe("");
  expect(status).toBe(0);
});

/** A copy of our whole contract and its rules, with one more file. */
function contract(content: string, file = "fixture.proto"): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-breaking-"));
  folders.push(folder);
  cpSync(join(root, "buf.yaml"), join(folder, "buf.yaml"));
  cpSync(join(root, "proto"), join(folder, "proto"), { recursive: true });
  const fixture = join(folder, "proto", "lockstep", "fixture", "v1");
  mkdirSync(fixture, { recursive: true });
  writeFileSync(join(fixture, file), content);
  return folder;
}

function message(fields: string): string {
  return `syntax = "proto3";\npackage lockstep.fixture.v1;\nmessage Fixture { ${fields} }\n`;
}

function breaking(after: string, before: string) {
  const buf = join(root, "node_modules", ".bin", "buf");
  return spawnSync(buf, ["breaking", after, "--against", before], { encoding: "utf8" });
}
