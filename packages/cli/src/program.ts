import { Command, CommanderError } from "commander";
import { COMMANDS, type LoadCommand } from "./commands.ts";
import { EXIT } from "./exit-codes.ts";
import { failureOf } from "./failure.ts";
import { printProblems, printText } from "./output/print.ts";
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
    const command = await program(end, wantedBy(args));
    await command.parseAsync(args, { from: "user" });
  } catch (error) {
    // Commander has printed what is wrong, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const failure = await failureOf(error);
    printProblems(failure.lines);
    return failure.exitCode;
  }
  return exitCode;
}

/** What has to be there to understand this: the command that is typed, or all, to list them or to find the one meant. */
function wantedBy([first = ""]: readonly string[]): readonly LoadCommand[] {
  if (first === "--version") return [];
  const typed = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  return typed === undefined ? Object.values(COMMANDS) : [typed];
}

/**
 * The command line.
 * @param end is told the exit code of a command that has one of its own
 * @param wanted which commands it has; all of them when it is left out
 */
export async function program(
  end: (exitCode: number) => void,
  wanted: readonly LoadCommand[] = Object.values(COMMANDS),
): Promise<Command> {
  const root = new Command("lockstep")
    .description("Locks and replicas that keep step.")
    .version(version, "--version", "print the version");
  for (const make of await Promise.all(wanted.map((load) => load()))) root.addCommand(make(end));
  withOurErrors(root);
  return root;
}

/** Makes a command, and those below it, tell what is wrong in one line and not end the process. */
function withOurErrors(command: Command): void {
  command
    .exitOverride()
    .configureOutput({ writeOut: printText, outputError: printUsageError })
    .showHelpAfterError(false);
  for (const each of command.commands) withOurErrors(each);
}

function printUsageError(text: string): void {
  printProblems([text.trim().replace(/^error: /, "")]);
}
