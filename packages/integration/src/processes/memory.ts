import { readFileSync } from "node:fs";

/** The memory a process has in RAM now, MiB. */
export function memoryMiB(pid: number): number {
  return fieldMiB(pid, "VmRSS");
}

/** The most memory a process has had in RAM so far, MiB. */
export function peakMemoryMiB(pid: number): number {
  return fieldMiB(pid, "VmHWM");
}

function fieldMiB(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const line = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status);
  return Number(line?.[1]) / 1024;
}
