import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { realTime } from "../real-time.ts";

/** What this machine lacks for faults of a disk; undefined when nothing. */
export function lackForDiskFaults(): string | undefined {
  if (process.platform !== "linux") return "faults of a disk need Linux";
  if (process.getuid?.() !== 0) return "faults of a disk need root, to mount and to trace";
  const { error } = spawnSync("strace", ["-V"]);
  return error === undefined ? undefined : "faults of a disk need strace: install it";
}

/** How a process's syncs to disk go wrong: they fail, or take so long. */
export type SyncFault = { readonly error: "EIO" } | { readonly delayMs: number };

/**
 * Lets every sync to disk of a running process go wrong from now on. Needs `strace`.
 * @returns the way back to a healthy disk
 */
export async function breakSyncs(pid: number, fault: SyncFault): Promise<() => Promise<void>> {
  const how = "error" in fault ? `error=${fault.error}` : `delay_enter=${fault.delayMs}ms`;
  const calls = "fsync,fdatasync";
  const args = ["-f", "-p", String(pid), "-e", `trace=${calls}`, "-e", `inject=${calls}:${how}`];
  const tracer = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(tracer, "exit");
  await attached(tracer.stderr, ended, pid);
  const stop = async () => {
    tracer.kill("SIGINT");
    await ended;
  };
  onTestFinished(stop);
  return stop;
}

/** Settles when the tracer has all threads of the process. */
async function attached(
  output: NodeJS.ReadableStream,
  ended: Promise<unknown>,
  pid: number,
): Promise<void> {
  const lines: string[] = [];
  const seen = new Promise<void>((resolve) => {
    createInterface({ input: output }).on("line", (line) => {
      lines.push(line);
      if (/^strace: Process \d+ attached/.test(line)) resolve();
    });
  });
  const failed = ended.then(() => {
    throw new Error(`strace could not watch process ${pid}: ${lines.join("; ")}`);
  });
  failed.catch(() => undefined);
  await Promise.race([seen, failed]);
  await realTime(200, "for strace to take over the other threads, of which it tells nothing more");
}

const FILLER = "filler";

/** A small disk of its own, in memory. Needs the right to mount. */
export class SmallDisk {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes a disk for one test. */
  static forTest(sizeKiB: number): SmallDisk {
    const folder = mkdtempSync(join(tmpdir(), "lockstep-disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeKiB}k`, "tmpfs", folder]);
    onTestFinished(() => {
      execFileSync("umount", ["--lazy", folder]);
      rmSync(folder, { recursive: true, force: true });
    });
    return new SmallDisk(folder);
  }

  /** Takes all the room that is left. */
  fillUp(): void {
    const { bavail, bsize } = statfsSync(this.folder);
    writeFileSync(join(this.folder, FILLER), Buffer.alloc(bavail * bsize, 1));
  }

  /** Gives the room back. */
  empty(): void {
    rmSync(join(this.folder, FILLER));
  }
}
