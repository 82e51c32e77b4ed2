import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..");

const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export const published = ["protocol", "core", "server", "client", "replica", "cli", "testing"];

/** Packs a package as it would be published and returns the path of its tarball. */
export function pack(name: string): string {
  const target = join(emptyFolder(), name);
  mkdirSync(target);
  execFileSync("pnpm", ["pack", "--pack-destination", target], {
    cwd: join(root, "packages", name),
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [tarball] = readdirSync(target);
  if (tarball === undefined) throw new Error(`pnpm pack wrote no tarball for ${name}`);
  return join(target, tarball);
}

/** A tool of the workspace root, as the path of its command. */
export function tool(name: string): string {
  return join(root, "node_modules", ".bin", name);
}

/** A new folder outside the repository, so that nothing resolves by accident. It goes with the test file. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-packaging-"));
  folders.push(folder);
  return folder;
}
