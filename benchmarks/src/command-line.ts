import { writeFileSync } from "node:fs";
import { resolve } from "node:path";

/** Reads what a command was given; what cannot be read ends the process with the usage and code 2. */
export function usage<T>(text: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${text}\n`);
    process.exit(2);
  }
}

/** A whole number above 0. @throws Error that names the option */
export function count(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`--${option}: ${text} is not a whole number above 0`);
}

/** Several of them, separated by commas. @throws Error that names the option */
export function counts(option: string, text: string): number[] {
  return text.split(",").map((each) => count(option, each));
}

/** Tells a person who waits what is being done; standard output is for the result. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Prints the result for people and, if a file is given, writes it for programs. */
export function finish(text: string, report: object, jsonFile: string | undefined): void {
  process.stdout.write(`${text}\n`);
  if (jsonFile === undefined) return;
  writeFileSync(pathOf(jsonFile), `${JSON.stringify(report, null, 2)}\n`);
}

/** A path as the person meant it who called pnpm, which runs this elsewhere. */
export function pathOf(path: string): string {
  return resolve(process.env.INIT_CWD ?? "", path);
}
