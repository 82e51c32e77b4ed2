import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { CommandError } from "../errors.ts";
import { EXIT, exitCodeOfSignal } from "../exit-codes.ts";

/**
 * A command in a process group of its own, so that whatever it starts can be reached with it. It
 * shares this process's standard streams.
 */
export class CommandGroup {
  /** Settles when the command runs. Rejects with a CommandError when it cannot be started. */
  readonly started: Promise<void>;
  /** Settles with the exit code when the command itself, not all it has started, has ended. */
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;
  readonly #onProcessExit = () => this.signal("SIGKILL");

  /** Starts it; from here on signals reach it. */
  constructor(file: string, args: readonly string[], variables: NodeJS.ProcessEnv) {
    const environment = { ...process.env, ...variables };
    const child = spawn(file, args, { stdio: "inherit", detached: true, env: environment });
    this.#child = child;
    this.started = new Promise((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) => reject(startError(file, error)));
    });
    // Without this process nobody renews the lock.
    process.on("exit", this.#onProcessExit);
    this.ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        process.off("exit", this.#onProcessExit);
        resolve(
          signal === null ? (code ?? EXIT.failed) : exitCodeOfSignal(constants.signals[signal]),
        );
      });
    });
  }

  /** Sends a signal to the whole group; to one that is gone this does nothing. */
  signal(name: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

function startError(file: string, error: NodeJS.ErrnoException): CommandError {
  const missing = error.code === "ENOENT";
  const why = missing ? "no such command" : error.message;
  const exitCode = missing ? EXIT.notFound : EXIT.notExecutable;
  return new CommandError(exitCode, `cannot run ${file}: ${why}`, { cause: error });
}
