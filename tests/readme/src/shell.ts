import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { root } from "./markdown.ts";

// Printed after each block, so that its output can be told from the next one's.
const END_OF_BLOCK = "--- end of block ---\n";

/** One bash at the root of the repository that is given block after block, as a person types them. */
export class Shell {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  #stdout = "";
  #stderr = "";
  #onChange: () => void = () => {};

  /** @param address the server that all commands are about */
  constructor(address: string) {
    this.#process = spawn("bash", ["--noprofile", "--norc", "-e", "-o", "pipefail", "-s"], {
      cwd: root,
      env: { ...process.env, LOCKSTEP_ADDRESS: address, NO_COLOR: "1" },
    });
    this.#closed = once(this.#process, "close").then(() => this.#onChange());
    this.#process.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      this.#onChange();
    });
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    // The shell has ended because a command failed: its exit code tells.
    this.#process.stdin.on("error", () => {});
  }

  /** Runs a block; settles when it has ended, or the shell with it. */
  async run(block: string): Promise<void> {
    const before = this.#outputs().length;
    // What the commands could read is not the rest of the script.
    this.#process.stdin.write(`{\n${block}} </dev/null\nprintf '%s' '${END_OF_BLOCK}'\n`);
    const ended = new Promise<void>((resolve) => {
      this.#onChange = () => {
        if (this.#outputs().length > before) resolve();
      };
    });
    await Promise.race([ended, this.#closed]);
  }

  /** Ends the shell. `outputs` has what each block printed that came to its end. */
  async end(): Promise<{ exitCode: number | null; stderr: string; outputs: string[] }> {
    this.#process.stdin.end();
    await this.#closed;
    return {
      exitCode: this.#process.exitCode,
      stderr: this.#stderr,
      outputs: this.#outputs(),
    };
  }

  #outputs(): string[] {
    return this.#stdout.split(END_OF_BLOCK).slice(0, -1);
  }
}
