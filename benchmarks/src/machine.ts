import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch, cpus, loadavg, release, tmpdir, totalmem, type } from "node:os";

/** Where a benchmark ran. */
export interface Machine {
  /** How many processors, and which, such as `2 × AMD EPYC`. */
  readonly processors: string;
  /** Memory of the machine, bytes. */
  readonly memoryBytes: number;
  /** System and kernel, such as `Linux 6.1.0 x64`. */
  readonly system: string;
  /** The file system under the data of all servers, such as `ext4 on /dev/sda1`. */
  readonly fileSystem: string;
  /** Version of Node. */
  readonly node: string;
  /** How many processes wanted a processor in the minute before the start; above 0.1 somebody else was at work. */
  readonly loadBefore: number;
  /** The commit that was measured; a `+` says that files had been changed since. */
  readonly commit: string;
}

/** Describes this machine. Called before the first measuring, for the sake of its load. */
export function describeMachine(): Machine {
  const all = cpus();
  const [loadBefore = Number.NaN] = loadavg();
  return {
    processors: `${all.length} × ${all[0]?.model.trim() ?? "unknown"}`,
    memoryBytes: totalmem(),
    system: `${type()} ${release()} ${arch()}`,
    fileSystem: fileSystemUnder(tmpdir()),
    node: process.version,
    loadBefore,
    commit: commit(),
  };
}

/** One line for people. */
export function machineLine(machine: Machine): string {
  const { processors, memoryBytes, system, fileSystem, node, loadBefore, commit } = machine;
  const gib = (memoryBytes / 2 ** 30).toFixed(0);
  return `${processors}, ${gib} GiB, ${system}, ${fileSystem}, Node ${node}, load before ${loadBefore.toFixed(2)}, commit ${commit}`;
}

function fileSystemUnder(folder: string): string {
  try {
    const mounts = readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" "))
      .filter(([, at = "-"]) => at === "/" || folder === at || folder.startsWith(`${at}/`));
    // The longest of those that hold the folder, and of these the one mounted last.
    const [device, , kind] = mounts.reduce((best, each) =>
      (each[1]?.length ?? 0) >= (best[1]?.length ?? 0) ? each : best,
    );
    return `${kind} on ${device}`;
  } catch {
    return "unknown";
  }
}

function commit(): string {
  const git = (...args: string[]) => {
    const cwd = import.meta.dirname;
    return execFileSync("git", args, { cwd, encoding: "utf8", stdio: "pipe" }).trim();
  };
  try {
    const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
    return `${git("rev-parse", "--short", "HEAD")}${changed ? "+" : ""}`;
  } catch {
    return "unknown";
  }
}
