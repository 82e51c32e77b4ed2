import { EXIT } from "../exit-codes.ts";
import { printable } from "./printable.ts";

let watched = false;

/**
 * Writes lines to standard output. A reader that has gone, as in `lockstep events | head`, ends the
 * command, and so does output that cannot be written, such as to a full disk.
 */
export function printLines(lines: readonly string[]): void {
  printText(lines.map((line) => `${line}\n`).join(""));
}

/** Writes a text to standard output as it is, otherwise as `printLines`. */
export function printText(text: string): void {
  watchOutput();
  if (text !== "") process.stdout.write(text);
}

/** Writes what went wrong to standard error. */
export function printProblems(lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`lockstep: ${line}\n`);
}

/** Writes bytes to standard output as they are. */
export function writeBytes(bytes: Uint8Array): void {
  watchOutput();
  process.stdout.write(bytes);
}

function watchOutput(): void {
  if (watched) return;
  watched = true;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    printProblems([printable(`the output cannot be written: ${error.message}`)]);
    process.exit(EXIT.failed);
  });
}
