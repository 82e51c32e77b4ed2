import { spawn, spawnSync } from "node:child_process";
import { root } from "../toolchain.mjs";

/** How many of a failed step's last lines are shown at the end. */
const tailLines = 60;

/**
 * Runs one step and says so on the way.
 *
 * @param {import("./steps.mjs").Step} step
 * @returns {Promise<{ step: import("./steps.mjs").Step, status: "passed" | "failed" | "not run", seconds: number,
 *   reason?: string, tail: string }>}
 */
export async function runStep(step) {
  const missing = (step.needs ?? []).filter((tool) => !isInstalled(tool));
  if (missing.length > 0) {
    const reason = `${missing.join(" and ")} not installed`;
    console.log(`- ${step.name}: NOT RUN, ${reason}`);
    return { step, status: "not run", seconds: 0, reason, tail: "" };
  }
  console.log(`▸ ${step.name}`);
  const started = performance.now();
  const ticker = setInterval(() => {
    if (!step.live) console.log(`  … ${step.name}, ${seconds(started).toFixed(0)} s`);
  }, 10_000);
  const { code, output } = await run(step);
  clearInterval(ticker);
  const status = code === 0 ? "passed" : "failed";
  console.log(`${status === "passed" ? "✓" : "✗"} ${step.name}, ${seconds(started).toFixed(1)} s`);
  return { step, status, seconds: seconds(started), tail: tailOf(output) };
}

function isInstalled(tool) {
  return (
    spawnSync(tool, [tool === "go" ? "version" : "--version"], { stdio: "ignore" }).status === 0
  );
}

function seconds(started) {
  return (performance.now() - started) / 1000;
}

function run({ command: [file, ...args], env = {}, live = false }) {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", ...env },
    });
    const chunks = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        chunks.push(text);
        if (live) process.stdout.write(text);
      });
    }
    child.on("error", (error) =>
      resolve({ code: 1, output: `${file} does not start: ${error.message}` }),
    );
    child.on("close", (code) => resolve({ code: code ?? 1, output: chunks.join("") }));
  });
}

function tailOf(output) {
  return output.trimEnd().split("\n").slice(-tailLines).join("\n");
}
