import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

const CLI = join(import.meta.dirname, "../../packages/cli/dist/main.js");
const PROBE = join(import.meta.dirname, "server-probe.ts");

/** How a server is started. */
export interface ServerOptions {
  /** The folder to keep its data in. Default: a new one. */
  readonly folder?: string;
  /** More flags of `lockstep serve`. Default none. */
  readonly flags?: readonly string[];
  /** Whether `usage` will be asked for: the server is started with a probe. Default false. */
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
  /** What it uses; `collect` says whether garbage is collected first. Only of one that is probed. */
  usage(options: { collect: boolean }): Promise<Usage>;
  /** Kills it and leaves its folder. */
  kill(): Promise<void>;
  /** Stops it in good order and removes its folder. */
  stop(): Promise<void>;
}

/** What a server's process uses. */
export interface Usage {
  /** Memory of JavaScript, objects on the heap of the main thread and what they keep outside of it, bytes. */
  readonly usedBytes: number;
  /** Memory of the whole process as the system counts it, the journal's thread and unused heap included, bytes. */
  readonly residentBytes: number;
  /** What it has computed so far on all processors together, milliseconds. */
  readonly cpuMs: number;
}

/** Starts the built server. @throws Error when it does not start */
export async function startServerProcess(options: ServerOptions = {}): Promise<ServerProcess> {
  const { flags = [], probed = false } = options;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "lockstep-bench-"));
  const fromMs = performance.now();
  const child = spawnServer([...flags, "--data", join(folder, "data")], probed);
  // However this process ends, it leaves none behind.
  const onExit = () => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
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
    usage: ({ collect }) => usageOf(child, collect),
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

async function usageOf(child: ChildProcess, collect: boolean): Promise<Usage> {
  const reply = once(child, "message");
  child.send({ collect });
  const [usage] = await reply;
  return usage;
}
