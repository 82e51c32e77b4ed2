import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "./markdown.ts";

/** The built command. */
export const command: string = join(root, "packages", "cli", "dist", "main.js");

/** A server of its own, with a data folder of its own, that can be killed and started again. */
export class Lockstep {
  /** `host:port`; stays the same when it is started again. */
  address = "127.0.0.1:0";
  readonly #folder = mkdtempSync(join(tmpdir(), "lockstep-readme-"));
  #process: ChildProcess | undefined;

  /** Starts the server; settles when it is ready. */
  async start(): Promise<void> {
    const data = join(this.#folder, "data");
    const args = [command, "serve", "--listen", this.address, "--data", data, "--json"];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    const log: string[] = [];
    createInterface(child.stderr).on("line", (line) => log.push(line));
    const lines = createInterface(child.stdout);
    const [line] = await Promise.race([once(lines, "line"), once(child, "exit").then(() => [])]);
    if (line === undefined) throw new Error(`the server did not start:\n${log.join("\n")}`);
    this.address = JSON.parse(line).address;
  }

  /** `kill -9`; settles when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  /** Ends the server and removes its data. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
