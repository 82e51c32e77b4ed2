import { Command, CommanderError } from "commander";
import { eventsCommand } from "./commands/events.ts";
import { infoCommand } from "./commands/info.ts";
import { locksCommand } from "./commands/locks.ts";
import { runCommand } from "./commands/run.ts";
import { serveCommand } from "./commands/serve.ts";
import { watchCommand } from "./commands/watch.ts";
import { EXIT } from "./exit-codes.ts";
import { failureOf } from "./failure.ts";
import { printProblems } from "./output/print.ts";
import { version } from "./version.ts";

/**
 * Runs the command line.
 * @param args without the names of the interpreter and the script
 * @returns the exit code
 */
export async function runProgram(args: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.ok;
  const end = (code: number) => {
    exitCode = code;
  };
  try {
    await program(end).parseAsync(args, { from: "user" });
  } catch (error) {
    // Commander has printed what is wrong, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const failure = failureOf(error);
    printProblems(failure.lines);
    return failure.exitCode;
  }
  return exitCode;
}

function program(end: (exitCode: number) => void): Command {
  const root = new Command("lockstep")
    .description("Locks and replicas that keep step.")
    .version(version, "--version", "print the version");
  const commands = [
    serveCommand(end),
    infoCommand(),
    locksCommand(),
    watchCommand(),
    eventsCommand(),
    runCommand(end),
  ];
  for (const command of commands) root.addCommand(command);
  for (const command of [root, ...commands]) {
    command
      .exitOverride()
      .configureOutput({ outputError: printUsageError })
      .showHelpAfterError(false);
  }
  return root;
}

function printUsageError(text: string): void {
  printProblems([text.trim().replace(/^error: /, "")]);
}
