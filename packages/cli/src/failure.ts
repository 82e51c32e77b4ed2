import { LockstepError } from "@lockstep/client";
import type { JournalOpenError } from "@lockstep/server";
import { CommandError } from "./errors.ts";
import { EXIT } from "./exit-codes.ts";
import { printable } from "./output/printable.ts";

/** What a failed command tells its user. */
export interface Failure {
  /** For standard error, one line for each thing that is wrong. */
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** How a command ends that threw this. Only an error nobody expected shows its stack. */
export async function failureOf(error: unknown): Promise<Failure> {
  if (error instanceof CommandError) return told(error, error.exitCode);
  if (error instanceof LockstepError) return told(error, EXIT.failed);
  if (isOfSqlite(error)) return { lines: [sqliteLine(error)], exitCode: EXIT.failed };
  return (await failureOfServer(error)) ?? unexpected(error);
}

/** The server is loaded where it is used, and here once everything else is excluded. */
async function failureOfServer(error: unknown): Promise<Failure | undefined> {
  const { ConfigError, DataFolderError, JournalOpenError, ListenError } = await import(
    "@lockstep/server"
  );
  if (error instanceof ConfigError) {
    const lines = error.problems.map(({ source, why }) => printable(`${source} ${why}`));
    return { lines, exitCode: EXIT.usage };
  }
  if (error instanceof DataFolderError) return told(error, EXIT.cannotStart);
  if (error instanceof ListenError) return told(error, EXIT.cannotStart);
  if (error instanceof JournalOpenError) return refusal(error);
  return undefined;
}

function unexpected(error: unknown): Failure {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const lines = ["an error in lockstep itself:", ...text.split("\n").map(printable)];
  return { lines, exitCode: EXIT.failed };
}

/** The server has errors of its own for its journal: what is left comes from the file of a replica. */
function isOfSqlite(error: unknown): error is Error {
  return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";
}

function sqliteLine({ message }: Error): string {
  const todo =
    "see that its folder is there and can be written, has room, and that nobody else writes";
  return printable(`the SQLite file cannot be used: ${message}; ${todo}`);
}

/** The journal knows what can be done, the command line how it is asked for. */
function refusal({ problem, message }: JournalOpenError): Failure {
  const flag = problem === "BEHIND_MARK" || problem === "MARK_MISSING";
  const line = flag ? message.replace(/\.$/, " with --new-lineage.") : message;
  return { lines: [printable(line)], exitCode: EXIT.cannotStart };
}

function told(error: Error, exitCode: number): Failure {
  return { lines: [printable(error.message)], exitCode };
}
