#!/usr/bin/env node
import { isBuiltin } from "node:module";
import manifest from "../package.json" with { type: "json" };
import { EXIT } from "./exit-codes.ts";
import { printProblems } from "./output/print.ts";

// A Node that is too old fails while it loads the program, so it is told before.
if (isBuiltin("node:sqlite")) {
  const { runProgram } = await import("./program.ts");
  process.exitCode = await runProgram(process.argv.slice(2));
} else {
  const wanted = `Node ${process.versions.node} is too old (wanted: ${manifest.engines.node})`;
  const clone =
    'in a clone, export PATH="$PWD/.toolchain/bin:$PATH" uses the one npm start brought';
  printProblems([`${wanted}; ${clone}`]);
  process.exitCode = EXIT.failed;
}
