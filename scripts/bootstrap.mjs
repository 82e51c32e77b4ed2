// Runs one of our scripts on the pinned Node and pnpm, and brings both into `.toolchain/` first when
// they are missing. Needs only some Node (18 or newer) with npm: no root, nothing global, no dependencies.
//
//   node scripts/bootstrap.mjs start|test [arguments for that script]
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { exitCode, forwardSignals } from "./child.mjs";
import { manifest, nodeFits, nodePinFor, pnpmPin, root } from "./toolchain.mjs";

const toolchain = join(root, ".toolchain");
const windows = process.platform === "win32";
const parent = process.ppid;

try {
  const [script, ...args] = process.argv.slice(2);
  if (script !== "start" && script !== "test") {
    throw new Error("Say what to run: node scripts/bootstrap.mjs start|test [arguments]");
  }
  const node = await findNode();
  await bringPnpm();
  process.exitCode = await run(node, script, args);
} catch (error) {
  console.error(`lockstep: ${error.message}`);
  process.exitCode = 1;
}

async function findNode() {
  if (nodeFits(process.versions.node)) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const pin = nodePinFor(platform);
  const missing = `Node ${process.versions.node} is too old (wanted: ${manifest.engines.node})`;
  if (!pin) {
    throw new Error(
      `${missing}, and there is no Node to fetch from npm for ${platform}. Install Node 24 yourself and run this again.`,
    );
  }
  const folder = await bring(pin, `Node ${pin.version}: ${missing}`, (packageDir) => {
    const { status } = spawnSync(nodeIn(packageDir), ["--version"], { stdio: "ignore" });
    if (status !== 0) {
      throw new Error(
        `${missing}, and the one npm carries for ${platform} does not run on this system (another C library?). Install Node 24 yourself and run this again.`,
      );
    }
  });
  const node = nodeIn(folder);
  // For people: with `.toolchain/bin` first on PATH a shell uses what the scripts use.
  if (!windows) writeShim("node", `exec "${fromShim(node)}" "$@"`);
  return node;
}

function nodeIn(packageDir) {
  return join(packageDir, "bin", windows ? "node.exe" : "node");
}

/** Always the pinned one: a pnpm that is on PATH may be a launcher that fetches yet another version. */
async function bringPnpm() {
  const folder = await bring(pnpmPin, `pnpm ${pnpmPin.version}`, () => {});
  const entry = join(folder, "bin", "pnpm.mjs");
  if (windows) writeShim("pnpm.cmd", `@node "${entry}" %*`);
  else writeShim("pnpm", `exec node "${fromShim(entry)}" "$@"`);
}

/**
 * The folder of a pinned package below `.toolchain/`, fetched with npm if it is not there yet. It is
 * put together in a staging folder and moved into place whole, so whatever exists is complete.
 */
async function bring(pin, what, verify) {
  const target = join(toolchain, `${pin.package}-${pin.version}`);
  const packageDir = join(target, "node_modules", pin.package);
  if (existsSync(target)) return packageDir;
  mkdirSync(toolchain, { recursive: true });
  const stage = mkdtempSync(join(toolchain, ".stage-"));
  const clean = () => rmSync(stage, { recursive: true, force: true });
  const stop = () => process.exit(130);
  process.on("exit", clean).on("SIGINT", stop).on("SIGTERM", stop);
  try {
    console.error(`lockstep: fetching ${what}`);
    await fetchPackage(pin, stage);
    verify(join(stage, "node_modules", pin.package));
    moveIntoPlace(stage, target);
  } finally {
    clean();
    process.off("exit", clean).off("SIGINT", stop).off("SIGTERM", stop);
  }
  return packageDir;
}

async function fetchPackage(pin, stage) {
  // Its own package.json keeps npm from looking for a project further up.
  writeFileSync(join(stage, "package.json"), '{ "private": true }\n');
  const args = ["install", `${pin.package}@${pin.version}`, "--prefix", stage];
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
  const started = Date.now();
  const ticker = setInterval(() => {
    console.error(`lockstep:   … ${Math.round((Date.now() - started) / 1000)} s`);
  }, 5000);
  const code = await npm([...args, ...flags]);
  clearInterval(ticker);
  if (code !== 0) {
    throw new Error(
      `npm could not fetch ${pin.package}@${pin.version} (its message is above). The first run needs the network; then run the same command again.`,
    );
  }
  const lock = JSON.parse(readFileSync(join(stage, "node_modules", ".package-lock.json"), "utf8"));
  const { integrity } = lock.packages[`node_modules/${pin.package}`];
  if (integrity !== pin.integrity) {
    throw new Error(
      `${pin.package}@${pin.version} is not the package this project was built with (${integrity} instead of ${pin.integrity}). Check which registry npm uses.`,
    );
  }
}

/** npm as the user started it, when there is one: it knows the registry and the proxy of this machine. */
function npm(args) {
  const started = process.env.npm_execpath;
  const viaNode = started?.endsWith("npm-cli.js");
  const child = viaNode
    ? spawn(process.execPath, [started, ...args], { stdio: ["ignore", "ignore", "inherit"] })
    : spawn("npm", args, { stdio: ["ignore", "ignore", "inherit"], shell: windows });
  return new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Error(`npm does not start: ${error.message}`)));
    child.on("close", resolve);
  });
}

function moveIntoPlace(stage, target) {
  try {
    renameSync(stage, target);
  } catch (error) {
    // Another run was faster; what it put there is complete.
    if (!existsSync(target)) throw error;
  }
}

function fromShim(file) {
  return `$(dirname "$0")/..${file.slice(toolchain.length)}`;
}

function writeShim(name, line) {
  const bin = join(toolchain, "bin");
  mkdirSync(bin, { recursive: true });
  const content = windows ? `${line}\r\n` : `#!/bin/sh\n${line}\n`;
  const file = join(bin, name);
  if (existsSync(file) && readFileSync(file, "utf8") === content) return;
  const staged = `${file}.${process.pid}`;
  writeFileSync(staged, content);
  chmodSync(staged, 0o755);
  renameSync(staged, file);
}

function run(node, script, args) {
  const path = [dirname(node), join(toolchain, "bin"), process.env.PATH].join(delimiter);
  const child = spawn(node, [join(root, "scripts", `${script}.mjs`), ...args], {
    stdio: "inherit",
    env: { ...process.env, PATH: path },
  });
  forwardSignals(() => child);
  if (process.env.npm_lifecycle_event) endWithParent(child);
  return exitCode(child);
}

/** npm puts a shell between itself and us; a kill of npm ends that shell, and no signal comes further. */
function endWithParent(child) {
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    child.kill("SIGTERM");
  }, 500).unref();
}
