// Dependencies as the lockfile names them, and whether they are there already.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pnpmPin, root } from "./toolchain.mjs";

const marker = join(root, "node_modules", ".lockstep-installed");

/** Whether the last complete install was made from this very lockfile. */
export function isInstalled() {
  // A package's own links go with a `git clean` in its folder, which leaves the marker in place.
  const links = join(root, "packages", "cli", "node_modules");
  return existsSync(links) && existsSync(marker) && readFileSync(marker, "utf8") === lockfileHash();
}

export const installCommand = {
  command: [
    process.execPath,
    join(root, ".toolchain", `pnpm-${pnpmPin.version}`, "node_modules", "pnpm", "bin", "pnpm.mjs"),
    "install",
    "--frozen-lockfile",
    "--prefer-offline",
    "--reporter=append-only",
  ],
  env: {},
};

export function rememberInstall() {
  writeFileSync(marker, lockfileHash());
}

function lockfileHash() {
  return createHash("sha256")
    .update(readFileSync(join(root, "pnpm-lock.yaml")))
    .digest("hex");
}
