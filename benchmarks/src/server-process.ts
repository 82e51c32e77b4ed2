import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

const CLI = join(import.meta.dirname, "../../packages/cli/dist/main.js");
const PROBE = join(import.meta.dirname, "server-probe.ts");

// The unit of CPU times in /proc, a constant of Linux on every machine that Node runs on: see proc_pid_stat(5).
const TICK_MS = 10;

/** How a server is started. */
export interface ServerOptions {
  /** The folder to keep its data in. Default: a new one. */
  readonly folder?: string;
  /** More flags of `lockstep serve`. Default none. */
  readonly flags?: readonly string[];
  /** Whether `memory` will be asked for: the server is started with a probe. Default false. */
  readonly probed?: boolean;
}

/** A server in a process of its own, durable on SQLite. */
export interface ServerProcess {
  /** `host:port`. */
  readonly address: string;
  /** Where its data is. */
  readonly folder: string;
  /** From the start of the process until it was ready, milliseconds: all of its data has been read by then. */
  readonly startMs: number;
  /** Its memory; `collect` says whether garbage is collected first. Only of one that is probed. */
  memory(options: { collect: boolean }): Promise<NodeJS.MemoryUsage>;
  /** The time it has computed so far, on all processors together, milliseconds. */
  cpuMs(): number;
  /** Kills it and leaves its folder. */
  kill(): Promise<void>;
  /** Stops it in good order and removes its folder. */
  stop(): Promise<void>;
}

/** Starts the built server. @throws Error when it does not start */
export async function startServerProcess(options: ServerOptions = {}): Promise<ServerProcess> {
  const { flags = [], probed = false } = options;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "lockstep-bench-"));
  const fromMs = performance.now();
  const child = spawnServer([...flags, "--data", join(folder, "data")], probed);
  // However this process ends, it leaves none behind.
  const onExit = () => child.kill("SIGKILL");
  process.once("exit", onExit);
  const ended = once(child, "exit").finally(() => process.off("exit", onExit));
  const ready = once(createInterface({ input: child.stdout as Readable }), "line");
  const first = await Promise.race([ready, ended.then(() => undefined)]);
  if (first === undefined) throw new Error(`the server at ${CLI} did not start: run pnpm build`);
  const startMs = performance.now() - fromMs;
  return {
    address: JSON.parse(String(first[0])).address,
    folder,
    startMs,
    memory: ({ collect }) => memoryOf(child, collect),
    cpuMs: () => cpuMsOf(child),
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function spawnServer(flags: readonly string[], probed: boolean) {
  const node = probed ? ["--expose-gc", "--import", PROBE] : [];
  const serve = ["serve", "--listen", "127.0.0.1:0", "--json", "--log-level", "warn", ...flags];
  return spawn(process.execPath, [...node, CLI, ...serve], {
    stdio: ["ignore", "pipe", "inherit", ...(probed ? (["ipc"] as const) : [])],
  });
}

async function memoryOf(child: ChildProcess, collect: boolean): Promise<NodeJS.MemoryUsage> {
  const reply = once(child, "message");
  child.send({ collect });
  const [memory] = await reply;
  return memory;
}

function cpuMsOf({ pid }: ChildProcess): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field, the name, may contain anything; user and system time are the 14th and 15th.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
