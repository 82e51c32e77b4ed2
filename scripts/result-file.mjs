// The machine-readable outcome of one suite of tests, in `.results/`, where `npm test` adds them up.
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "./toolchain.mjs";

export const resultsDir = join(root, ".results");

/**
 * Writes the result of the suite of the package in the current folder.
 *
 * @param {{ passed: number, failed: number, skipped: number, seconds: number, failures: string[] }
 *   | { notRun: string }} result `notRun` says why nothing could run here
 */
export function writeResult(result) {
  mkdirSync(resultsDir, { recursive: true });
  writeFileSync(join(resultsDir, `${basename(process.cwd())}.json`), `${JSON.stringify(result)}\n`);
}
