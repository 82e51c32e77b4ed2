import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const CLI = join(import.meta.dirname, "../../packages/cli/dist/main.js");

/** A server of its own process on a new folder, and where it listens. */
export interface ServerProcess {
  /** `host:port`. */
  readonly address: string;
  /** Stops it and removes its folder. */
  stop(): Promise<void>;
}

/** Starts the built server, durable on SQLite. */
export async function startServerProcess(): Promise<ServerProcess> {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-bench-"));
  const flags = ["serve", "--listen", "127.0.0.1:0", "--data", join(folder, "data"), "--json"];
  const server = spawn(process.execPath, [CLI, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  // However this process ends, it leaves none behind.
  const onExit = () => server.kill("SIGKILL");
  process.once("exit", onExit);
  const lines = createInterface({ input: server.stdout });
  const ready = once(lines, "line");
  const ended = once(server, "exit").finally(() => process.off("exit", onExit));
  const first = await Promise.race([ready, ended.then(() => undefined)]);
  if (first === undefined) throw new Error(`the server at ${CLI} did not start: run pnpm build`);
  const { address } = JSON.parse(String(first[0]));
  return {
    address,
    stop: async () => {
      server.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
