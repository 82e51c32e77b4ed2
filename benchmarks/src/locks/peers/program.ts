import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../../package.json" with { type: "json" };
import { PeerMissingError } from "../contestant.ts";

const START_MS_MAX = 20_000;

/** A peer's server in a process of its own, on a new folder. */
export interface PeerProgram {
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** A new folder for a peer's data. */
export function dataFolder(peer: string): string {
  return mkdtempSync(join(tmpdir(), `lockstep-bench-${peer}-`));
}

/** A port of loopback on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Starts a program and waits until it accepts connections on a port of loopback.
 * @throws PeerMissingError when there is no such program
 */
export async function startProgram(
  command: string,
  args: readonly string[],
  port: number,
  folder: string,
): Promise<PeerProgram> {
  const program = spawn(command, args, { cwd: folder, stdio: "ignore" });
  // However this process ends, it leaves none behind.
  const onExit = () => {
    program.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once("exit", onExit);
  const ended = ending(program).finally(() => process.off("exit", onExit));
  const started = await Promise.race([accepts(port), ended.then((why) => why)]);
  if (started !== undefined) {
    rmSync(folder, { recursive: true, force: true });
    throw new PeerMissingError(`${command} did not start: ${started}`);
  }
  return {
    stop: async () => {
      program.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The first line that a program says of its version. @throws PeerMissingError when there is no such program */
export function versionOf(command: string, args: readonly string[] = ["--version"]): string {
  try {
    return execFileSync(command, args, { encoding: "utf8" }).split("\n", 1)[0] ?? "";
  } catch (cause) {
    throw new PeerMissingError(`${command} is not installed`, { cause });
  }
}

/** The libraries through which a peer is used, with their versions. */
export function libraries(...names: readonly (keyof typeof manifest.devDependencies)[]): string {
  return names.map((name) => `${name} ${manifest.devDependencies[name]}`).join(", ");
}

function ending(program: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    program.once("error", (error) => resolve(error.message));
    program.once("exit", (code, signal) => resolve(`it ended with ${signal ?? code}`));
  });
}

async function accepts(port: number): Promise<undefined> {
  const untilMs = performance.now() + START_MS_MAX;
  while (performance.now() < untilMs) {
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (connected) return undefined;
  }
  throw new PeerMissingError(`nothing listens on port ${port} after ${START_MS_MAX} ms`);
}
