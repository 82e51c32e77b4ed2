// Whether the committed generated code is what the contract generates: generates it again and compares
// every file of the working tree with what it was before.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { installCommand } from "./install.mjs";
import { root } from "./toolchain.mjs";

const before = snapshot();
const [node, pnpm] = installCommand.command;
const generate = spawnSync(node, [pnpm, "run", "generate"], { cwd: root, stdio: "inherit" });
const after = snapshot();
const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
  (file) => before.get(file) !== after.get(file),
);
if (generate.status !== 0) {
  console.error("pnpm generate failed: its message is above.");
} else if (changed.length > 0) {
  console.error(
    "The generated code was not up to date. It is now; look at these files and commit them:",
  );
  for (const file of changed) console.error(`  ${file}`);
}
process.exitCode = generate.status === 0 && changed.length === 0 ? 0 : 1;

/** Path to content hash of every file that is or could be committed. */
function snapshot() {
  const list = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  if (list.status !== 0)
    throw new Error("This check needs a git working tree: git ls-files failed");
  const files = list.stdout.split("\0").filter((file) => file && existsSync(join(root, file)));
  return new Map(files.map((file) => [file, hash(readFileSync(join(root, file)))]));
}

function hash(content) {
  return createHash("sha256").update(content).digest("hex");
}
