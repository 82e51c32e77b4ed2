// Installs and builds what is not there yet, then runs `lockstep serve` with the given flags.
// Started by bootstrap.mjs, which provides Node and pnpm.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { exitCode, forwardSignals } from "./child.mjs";
import { installCommand, isInstalled, rememberInstall } from "./install.mjs";
import { root } from "./toolchain.mjs";
import { turboCommand } from "./turbo.mjs";

let running;
forwardSignals(() => running);

process.exitCode = await main();

async function main() {
  if (!isInstalled()) {
    const code = await run("installing dependencies", installCommand);
    if (code !== 0) return code;
    rememberInstall();
  }
  const build = turboCommand("run", "build", "--filter=@lockstep/cli", "--output-logs=errors-only");
  const code = await run("building (only what changed)", build, ["ignore", "ignore", "inherit"]);
  if (code !== 0) return code;
  const cli = join(root, "packages", "cli", "dist", "main.js");
  return run(
    null,
    { command: [process.execPath, cli, "serve", ...process.argv.slice(2)], env: {} },
    "inherit",
  );
}

function run(what, { command: [file, ...args], env }, stdio = ["ignore", 2, 2]) {
  if (what) console.error(`lockstep: ${what}`);
  running = spawn(file, args, { cwd: root, stdio, env: { ...process.env, ...env } });
  return exitCode(running);
}
