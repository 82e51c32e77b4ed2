// What the wrappers of the other languages' tools share.
import { spawn, spawnSync } from "node:child_process";
import { writeResult } from "./result-file.mjs";

/**
 * Runs `build` or `test` of a package in another language.
 *
 * @param {{ tool: string, probe: string[], build: string[][], test: string[], parse(output: string): { passed: number,
 *   failed: number, skipped: number, failures: string[] }, echo(line: string): string | undefined }} language
 */
export async function runLanguage(language) {
  const task = process.argv[2];
  if (task !== "build" && task !== "test") throw new Error("Say what to do: build or test");
  if (spawnSync(language.tool, language.probe, { stdio: "ignore" }).status !== 0) {
    notRun(`${language.tool} is not installed`, task);
  } else if (task === "build") {
    await build(language);
  } else {
    await test(language);
  }
}

function notRun(reason, task) {
  console.log(`NOT RUN: ${reason}`);
  if (task === "test") writeResult({ notRun: reason });
}

async function build({ tool, build }) {
  for (const args of build) {
    const { code } = await run(tool, args, (line) => line);
    if (code !== 0) process.exit(code);
  }
}

async function test({ tool, test, parse, echo }) {
  const started = performance.now();
  const { code, output } = await run(tool, test, echo);
  const result = parse(output);
  // It did not compile, or a test took the whole process down: no test of its own says so.
  if (code !== 0 && result.failed === 0) {
    result.failed = 1;
    result.failures.push(output.split("\n").slice(-30).join("\n"));
  }
  writeResult({ ...result, seconds: (performance.now() - started) / 1000 });
  process.exitCode = result.failed > 0 ? 1 : 0;
}

function run(tool, args, echo) {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { stdio: ["ignore", "pipe", "pipe"] });
    const lines = [];
    let rest = "";
    const take = (text) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop();
      for (const line of parts) show(line);
    };
    const show = (line) => {
      lines.push(line);
      const shown = echo(line);
      if (shown !== undefined) console.log(shown);
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", take);
    child.on("error", reject);
    child.on("close", (code) => {
      if (rest) show(rest);
      resolve({ code: code ?? 1, output: lines.join("\n") });
    });
  });
}
