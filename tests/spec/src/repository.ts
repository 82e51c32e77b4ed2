import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..", "..");

/** A file of the repository. */
export interface TextFile {
  /** From the root of the repository, with `/`. */
  path: string;
  text: string;
}

const CHAPTERS = ["general", "sessions", "locks", "recovery", "datasets", "replication", "digest"];

/** The chapters of the specification, in the order of their README. */
export function chapters(): TextFile[] {
  return CHAPTERS.map((name) => {
    const path = `docs/spec/${name}.md`;
    return { path, text: read(path) };
  });
}

/** Every file that may hold tests, in any language. */
export function filesWithTests(): TextFile[] {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error("These tests need a git working tree: git ls-files failed");
  return [...new Set(stdout.split("\0"))]
    .filter((path) => /(\.ts|_test\.go|\.rs)$/.test(path) && !path.startsWith("tests/spec/"))
    .filter((path) => existsSync(join(root, path)))
    .sort()
    .map((path) => ({ path, text: read(path) }));
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}
