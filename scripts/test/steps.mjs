// The steps of `npm test`, in order. Each check counts as one test; the step `suites` counts through the
// result files its suites leave.
import { join } from "node:path";
import { installCommand } from "../install.mjs";
import { root } from "../toolchain.mjs";
import { turboCommand } from "../turbo.mjs";

const rustWorkspace = join(root, "packages", "rust", "Cargo.toml");

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string[]} command
 * @property {Record<string, string>} [env]
 * @property {string[]} [needs] tools outside npm; without them the step does not run
 * @property {boolean} [live] shows its output as it comes
 */

/** @type {Step[]} */
export const steps = [
  { name: "install", ...installCommand },
  { name: "format and lint", command: tool("biome", "check", "--error-on-warnings", ".") },
  { name: "proto format", command: tool("buf", "format", "--diff", "--exit-code") },
  { name: "proto lint", command: tool("buf", "lint") },
  { name: "proto breaking", command: script("proto-breaking.mjs") },
  { name: "generated code", command: script("proto-drift.mjs"), needs: ["go", "cargo"] },
  { name: "go format", command: ["gofmt", "-d", join(root, "packages", "go")], needs: ["go"] },
  {
    name: "rust format",
    command: ["cargo", "fmt", "--check", "--all", "--manifest-path", rustWorkspace],
    needs: ["cargo-fmt"],
  },
  { name: "build", ...turboCommand("run", "build", "--continue=always", "--output-logs=new-only") },
  { name: "types", ...turboCommand("run", "typecheck", "--continue=always") },
  { name: "unused code", command: tool("knip") },
  {
    name: "suites",
    live: true,
    ...turboCommand("run", "test", "--continue=always", "--concurrency=2"),
  },
];

function tool(name, ...args) {
  return [join(root, "node_modules", ".bin", name), ...args];
}

function script(name) {
  return [process.execPath, join(root, "scripts", name)];
}
