// The one door to turbo: without telemetry, without its version reminder, found without a PATH.
//
//   node scripts/turbo.mjs run build
import { spawn } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { exitCode } from "./child.mjs";
import { root } from "./toolchain.mjs";

export function turboCommand(...args) {
  return {
    command: [process.execPath, join(root, "node_modules", "turbo", "bin", "turbo"), ...args],
    env: { TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { command, env } = turboCommand(...process.argv.slice(2));
  const [file, ...args] = command;
  const child = spawn(file, args, { stdio: "inherit", env: { ...process.env, ...env } });
  process.exitCode = await exitCode(child);
}
