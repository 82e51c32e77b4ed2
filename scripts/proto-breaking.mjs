// Compares the contract with the last release, file by file: what a client was built on must keep its place.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./toolchain.mjs";

const tags = spawnSync("git", ["tag", "--list", "v*", "--sort=-version:refname"], {
  cwd: root,
  encoding: "utf8",
});
const [lastRelease] = tags.status === 0 ? tags.stdout.split("\n") : [];
if (lastRelease) {
  const buf = join(root, "node_modules", ".bin", "buf");
  console.log(`Comparing with ${lastRelease}`);
  const against = `.git#tag=${lastRelease}`;
  const { status } = spawnSync(buf, ["breaking", "--against", against], {
    cwd: root,
    stdio: "inherit",
  });
  process.exitCode = status ?? 1;
} else {
  console.log("There is no release tag (v*) yet: nothing to compare the contract with.");
}
