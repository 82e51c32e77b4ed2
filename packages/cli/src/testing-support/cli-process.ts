import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const main = join(import.meta.dirname, "..", "..", "dist", "main.js");

/** How a `lockstep` process ended. */
export interface Ended {
  /** The exit code, or the signal that ended it. */
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a `lockstep` process is started. */
export interface CliProcessOptions {
  /** Added to the environment, from which all LOCKSTEP_ variables are taken away. */
  readonly variables?: Readonly<Record<string, string>>;
  /** The working folder. Default: that of the tests. */
  readonly folder?: string;
  /** A shell command to run first in the same process, such as `ulimit`. */
  readonly before?: string;
}

/** The built `lockstep` command in a process of its own. */
export class CliProcess {
  /** Settles when it has ended and everything it wrote has been read. */
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #text = { stdout: "", stderr: "" };
  #done = false;
  #onNews: () => void = () => undefined;

  constructor(args: readonly string[], options: CliProcessOptions = {}) {
    if (!existsSync(main)) {
      throw new Error("packages/cli/dist/main.js is missing: run `pnpm build` first");
    }
    const command = [process.execPath, main, ...args];
    const [file = "", ...rest] =
      options.before === undefined
        ? command
        : ["sh", "-c", `${options.before}; exec "$@"`, "sh", ...command];
    this.#child = spawn(file, rest, {
      cwd: options.folder,
      env: { ...withoutOurs(process.env), ...options.variables },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const name of ["stdout", "stderr"] as const) {
      this.#child[name]?.setEncoding("utf8").on("data", (text: string) => {
        this.#text[name] += text;
        this.#onNews();
      });
    }
    this.ended = once(this.#child, "close").then(([code, signal]) => {
      this.#done = true;
      this.#onNews();
      return { code: signal ?? code, ...this.#text };
    });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("lockstep could not be started");
    return this.#child.pid;
  }

  /** What it has written to standard output so far. */
  get stdout(): string {
    return this.#text.stdout;
  }

  /** Reads nothing more of its standard output: who writes there is told. */
  stopReading(): void {
    this.#child.stdout?.destroy();
  }

  /** Sends a signal to this process alone. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Waits until it has written this. @throws Error when it ends without */
  async says(pattern: RegExp, where: "stdout" | "stderr" = "stdout"): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#text[where]);
      if (found) return found;
      if (this.#done)
        throw new Error(`it ended without ${pattern}:\n${JSON.stringify(this.#text)}`);
      await new Promise<void>((resolve) => {
        this.#onNews = resolve;
      });
    }
  }

  /** Ends it, and the process groups it has started, without notice. Harmless when it has ended. */
  async kill(): Promise<Ended> {
    const groups = this.#done ? [] : childrenOf(this.pid);
    this.#child.kill("SIGKILL");
    for (const group of groups) {
      try {
        process.kill(-group, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    return await this.ended;
  }
}

function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return children.split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Runs a `lockstep` command to its end. */
export async function lockstep(
  args: readonly string[],
  options: CliProcessOptions = {},
): Promise<Ended> {
  return await new CliProcess(args, options).ended;
}

function withoutOurs(variables: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(variables).filter(([name]) => !name.startsWith("LOCKSTEP_")),
  );
}
