// Bundles the simulation from the source of all packages and runs it: pnpm simulate --seeds 1000 --minutes 5.
// The source itself would not run, because generated code has enums, which Node does not take as they are.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { build } from "esbuild";
import { exitCode, forwardSignals } from "./child.mjs";
import { root } from "./toolchain.mjs";

const folder = join(root, "packages", "simulation");
const outfile = join(folder, "dist", "main.mjs");
await build({
  entryPoints: [join(folder, "src", "main.ts")],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  conditions: ["lockstep-source"],
  sourcemap: "inline",
  logLevel: "warning",
  // What was written for CommonJS asks for it.
  banner: {
    js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
  },
});
const child = spawn(process.execPath, ["--enable-source-maps", outfile, ...process.argv.slice(2)], {
  stdio: "inherit",
});
forwardSignals(() => child);
process.exitCode = await exitCode(child);
