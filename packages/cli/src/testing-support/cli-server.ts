import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CliProcess, type CliProcessOptions, type Ended } from "./cli-process.ts";

/** A data folder of a test's own. */
export interface TestFolder {
  readonly path: string;
  remove(): void;
}

/** Makes a folder that is removed with the test. */
export function testFolder(): TestFolder {
  const path = mkdtempSync(join(tmpdir(), "lockstep-cli-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The line of JSON with which a server says that it is ready. */
export interface Ready {
  readonly address: string;
  readonly data: string | null;
  readonly durability: string;
  readonly pid: number;
  readonly insecure: boolean;
  readonly testClock: boolean;
  readonly grantPauseMs: number;
}

/** `lockstep serve` on a port of its own, ready. */
export class CliServer {
  readonly process: CliProcess;
  readonly ready: Ready;

  private constructor(process: CliProcess, ready: Ready) {
    this.process = process;
    this.ready = ready;
  }

  /** @param flags for `serve`, besides the address and `--json` */
  static async start(flags: readonly string[], options?: CliProcessOptions): Promise<CliServer> {
    const process = new CliProcess(
      ["serve", "--listen", "127.0.0.1:0", "--json", "--log-level", "fatal", ...flags],
      options,
    );
    const [line = ""] = await process.says(/^.*\n/);
    return new CliServer(process, JSON.parse(line) as Ready);
  }

  get address(): string {
    return this.ready.address;
  }

  /** Stops it in good order. */
  async stop(): Promise<Ended> {
    this.process.signal("SIGTERM");
    return await this.process.ended;
  }
}
