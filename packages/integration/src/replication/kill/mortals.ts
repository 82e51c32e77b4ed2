import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Numbers } from "../../crash/numbers.ts";
import { ChildProgram } from "../../processes/child-program.ts";
import type { ServerProcess } from "../../processes/server-process.ts";

/** Somebody who is killed now and then. */
export interface Mortal {
  readonly name: string;
  /** `kill -9`. @throws Error when it had ended by itself */
  kill(): Promise<void>;
  startAgain(): Promise<void>;
}

const FILE_LOST_ONE_IN = 4;

/** The server as one of them. */
export function mortalServer(server: ServerProcess): Mortal {
  return {
    name: "the server",
    kill: () => server.kill(),
    startAgain: () => server.startAgain(),
  };
}

/** A program that goes on from its file when it is started again. */
abstract class MortalProgram implements Mortal {
  readonly name: string;
  readonly path: string;
  readonly #args: readonly string[];
  #program: ChildProgram | undefined;
  #hasEnded = false;

  constructor(name: string, file: string, args: readonly string[], path: string) {
    this.name = name;
    this.path = path;
    this.#args = [join(import.meta.dirname, file), ...args];
  }

  protected get program(): ChildProgram {
    if (this.#program === undefined) throw new Error(`${this.name} has not been started`);
    return this.#program;
  }

  async startAgain(): Promise<void> {
    const program = new ChildProgram(this.name, this.#args);
    this.#program = program;
    this.#hasEnded = false;
    void program.ended.then(() => {
      this.#hasEnded = true;
    });
  }

  /** @throws Error with what it wrote when it has ended by itself */
  requireRunning(): void {
    if (this.#hasEnded) throw new Error(`${this.name} has ended by itself:\n${this.program.log}`);
  }

  async kill(): Promise<void> {
    this.requireRunning();
    const { signal } = await this.program.kill();
    if (signal !== "SIGKILL")
      throw new Error(`${this.name} had ended by itself:\n${this.program.log}`);
  }

  /** Ends it, whatever its state. */
  async end(): Promise<void> {
    await this.#program?.kill();
  }

  /** Waits until it has ended in good order. */
  protected async over(): Promise<void> {
    const { code } = await this.program.ended;
    if (code !== 0) throw new Error(`${this.name} did not end well:\n${this.program.log}`);
  }
}

/** The program that appends. */
export class Writer extends MortalProgram {
  /** @param path of the file of what was acknowledged */
  constructor(address: string, path: string) {
    super("the writer", "writer.ts", [address, path], path);
  }

  /** Lets it acknowledge what is under way and end. */
  async finish(): Promise<void> {
    this.program.send("finish");
    await this.over();
  }
}

/** A program with a replica in a file. */
export class Copier extends MortalProgram {
  readonly #numbers: Numbers;
  #filesLost = 0;

  constructor(address: string, path: string, name: string, numbers: Numbers) {
    super(name, "copier.ts", [address, path, name], path);
    this.#numbers = numbers;
  }

  /** How often its file was gone when it was started again. */
  get filesLost(): number {
    return this.#filesLost;
  }

  override async kill(): Promise<void> {
    await super.kill();
    if (this.#numbers.below(FILE_LOST_ONE_IN) > 0) return;
    this.#filesLost += 1;
    for (const end of ["", "-wal", "-shm"]) rmSync(`${this.path}${end}`, { force: true });
  }

  /** How far it is. */
  async status(): Promise<{ readonly state: string; readonly verifiedSeq: bigint }> {
    this.program.send("status");
    const { state, verifiedSeq } = JSON.parse(await this.program.nextLine());
    return { state, verifiedSeq: BigInt(verifiedSeq) };
  }

  async close(): Promise<void> {
    this.program.send("close");
    await this.over();
  }
}
