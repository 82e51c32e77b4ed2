import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse, type Source } from "./source.ts";

const root = join(import.meta.dirname, "..", "..", "..");

/** Everything that is or could be committed, without what tools write. */
export function committedFiles(): string[] {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error("These tests need a git working tree: git ls-files failed");
  return [...new Set(stdout.split("\0"))].filter((path) => path && isHandWritten(path)).sort();
}

export function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

export function sources(): Source[] {
  return committedFiles()
    .filter((path) => /\.(ts|mts|mjs|js)$/.test(path))
    .map((path) => parse(path, read(path)));
}

function isHandWritten(path: string): boolean {
  if (/(^|\/)(gen|generated)\/|(^|\/)(pnpm-lock\.yaml|Cargo\.lock|go\.sum)$/.test(path))
    return false;
  // A deleted file stays in the index until the deletion is committed.
  return existsSync(join(root, path)) && statSync(join(root, path)).isFile();
}
