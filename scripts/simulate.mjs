// Bundles the simulation from the source of all packages and runs it: pnpm simulate --seeds 1000 --minutes 5.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { build } from "esbuild";
import { fromSource } from "../config/from-source.mjs";
import { exitCode, forwardSignals } from "./child.mjs";
import { root } from "./toolchain.mjs";

const folder = join(root, "packages", "simulation");
const outfile = join(folder, "dist", "main.mjs");
await build({
  entryPoints: [join(folder, "src", "main.ts")],
  outfile,
  ...fromSource,
});
const child = spawn(process.execPath, ["--enable-source-maps", outfile, ...process.argv.slice(2)], {
  stdio: "inherit",
});
forwardSignals(() => child);
process.exitCode = await exitCode(child);
