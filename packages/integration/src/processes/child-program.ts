import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { realTime } from "../real-time.ts";

/** Lines of a program's output that are kept to explain a failure. */
const LOG_LINES_MAX = 2_000;

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A Node program of its own that a test has started. It is ended by its id, never by its name. */
export class ChildProgram {
  /** Settles when the program has ended and all its output has been read. */
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #log: string[] = [];
  readonly #unread: string[] = [];
  #onLine: (() => void) | undefined;
  #end: ProgramEnd | undefined;

  /** @param args what follows `node` on the command line */
  constructor(name: string, args: readonly string[]) {
    this.#name = name;
    this.#child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] });
    // A program that has ended reads nothing more; whoever sends to it learns that from its end.
    this.#child.stdin?.on("error", () => {});
    const read = [
      this.#read(this.#child.stdout as NodeJS.ReadableStream, (line) => {
        this.#unread.push(line);
        this.#onLine?.();
      }),
      this.#read(this.#child.stderr as NodeJS.ReadableStream, () => {}),
    ];
    // However this process ends, it leaves none behind.
    const onExit = () => this.#child.kill("SIGKILL");
    process.once("exit", onExit);
    this.ended = once(this.#child, "exit").then(async ([code, signal]) => {
      process.off("exit", onExit);
      await Promise.all(read);
      this.#end = { code, signal };
      this.#onLine?.();
      return this.#end;
    });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.#name} could not be started`);
    return this.#child.pid;
  }

  /** The last lines it wrote, standard output and error together. */
  get log(): string {
    return this.#log.map((line) => `[${this.#name} ${this.#child.pid}] ${line}`).join("\n");
  }

  /** The next line of its standard output. @throws Error when it ends without another one */
  async nextLine(): Promise<string> {
    for (;;) {
      const line = this.#unread.shift();
      if (line !== undefined) return line;
      if (this.#end) {
        const { code, signal } = this.#end;
        throw new Error(
          `${this.#name} ended (${signal ?? code}) before it said more:\n${this.log}`,
        );
      }
      await new Promise<void>((resolve) => {
        this.#onLine = resolve;
      });
    }
  }

  /** Writes a line to its standard input. */
  send(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Stops it from running; it notices nothing. Resolves once the system says that it stands still. */
  async pause(): Promise<void> {
    this.#child.kill("SIGSTOP");
    while (!standsStill(this.pid)) await realTime(2, "for the system to stop the process");
  }

  /** Lets it run on. */
  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** Asks it to end in good order, and waits until it has. */
  async interrupt(): Promise<ProgramEnd> {
    this.#child.kill("SIGTERM");
    return await this.ended;
  }

  /** Ends it without notice, paused or not. Harmless when it has ended. */
  async kill(): Promise<ProgramEnd> {
    this.#child.kill("SIGKILL");
    return await this.ended;
  }

  async #read(stream: NodeJS.ReadableStream, take: (line: string) => void): Promise<void> {
    for await (const line of createInterface({ input: stream })) {
      this.#log.push(line);
      if (this.#log.length > LOG_LINES_MAX) this.#log.shift();
      take(line);
    }
  }
}

/** Whether the kernel has stopped all threads of a process. */
function standsStill(pid: number): boolean {
  const status = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in brackets may itself contain brackets and spaces.
  return status.slice(status.lastIndexOf(")") + 2).startsWith("T");
}
