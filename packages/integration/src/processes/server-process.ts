import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChildProgram, type ProgramEnd } from "./child-program.ts";
import { freePort } from "./free-port.ts";
import { lockstepCommand } from "./lockstep-command.ts";

/** How a server is started. */
export interface ServerProcessOptions {
  /** The folder in which its data folder is made, and which stays; default: the system's for such things. */
  readonly parentFolder?: string;
  /** More of its command line, such as `--limit`. */
  readonly args?: readonly string[];
}

/** The server as its users run it: `lockstep serve` in a process of its own, on a folder and a port it keeps. */
export class ServerProcess {
  readonly #folder: string;
  readonly #port: number;
  readonly #args: readonly string[];
  readonly #programs: ChildProgram[] = [];

  private constructor(folder: string, port: number, args: readonly string[]) {
    this.#folder = folder;
    this.#port = port;
    this.#args = args;
  }

  /** Starts a server on a new folder, and waits until it answers. */
  static async start(options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const { parentFolder = tmpdir(), args = [] } = options;
    const folder = mkdtempSync(join(parentFolder, "lockstep-integration-"));
    const server = new ServerProcess(folder, await freePort(), args);
    try {
      await server.startAgain();
      return server;
    } catch (error) {
      await server.remove();
      throw error;
    }
  }

  /** `host:port`, the same over restarts. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** What to call, such as `http://127.0.0.1:7420`. */
  get url(): string {
    return `http://${this.address}`;
  }

  /** What all its processes so far have written. */
  get log(): string {
    return this.#programs.map(({ log }) => log).join("\n");
  }

  /** Starts it on the same folder and port after its process has ended. */
  async startAgain(): Promise<void> {
    const command = lockstepCommand(
      ...["serve", "--listen", this.address, "--data", this.#folder, "--json", ...this.#args],
    );
    const program = new ChildProgram("server", command);
    this.#programs.push(program);
    const ready: unknown = JSON.parse(await program.nextLine());
    const { address, pid } = ready as Record<string, unknown>;
    if (address !== this.address || pid !== program.pid) {
      throw new Error(`the server's ready line does not fit: ${JSON.stringify(ready)}`);
    }
  }

  /** The id of its process. */
  get pid(): number {
    return this.#running.pid;
  }

  /** Settles when its process has ended. */
  get ended(): Promise<ProgramEnd> {
    return this.#running.ended;
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    const { signal } = await this.#running.kill();
    if (signal !== "SIGKILL") throw new Error(`the server had ended before:\n${this.log}`);
  }

  /** Stops the process from running, as a suspended virtual machine would. */
  async pause(): Promise<void> {
    await this.#running.pause();
  }

  /** Lets a paused process run on. */
  resume(): void {
    this.#running.resume();
  }

  /** Stops it in good order. */
  async stop(): Promise<ProgramEnd> {
    return await this.#running.interrupt();
  }

  /** Ends it, whatever its state, and removes its folder. */
  async remove(): Promise<void> {
    await this.#programs.at(-1)?.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #running(): ChildProgram {
    const program = this.#programs.at(-1);
    if (!program) throw new Error("the server has not been started");
    return program;
  }
}
