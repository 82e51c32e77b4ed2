import { Command, CommanderError } from "commander";
import { COMMANDS } from "./commands.ts";
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
    const command = await program(end, namesIn(args));
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

/** The commands that have to be there to understand this: the one that is typed, or all, to list them or to find the one meant. */
function namesIn([first = ""]: readonly string[]): readonly string[] {
  if (first === "--version") return [];
  return Object.hasOwn(COMMANDS, first) ? [first] : Object.keys(COMMANDS);
}

/**
 * The command line.
 * @param end is told the exit code of a command that has one of its own
 * @param names which commands it has; all of them when it is left out
 */
export async function program(
  end: (exitCode: number) => void,
  names: readonly string[] = Object.keys(COMMANDS),
): Promise<Command> {
  const root = new Command("lockstep")
    .description("Locks and replicas that keep step.")
    .version(version, "--version", "print the version");
  const made = await Promise.all(names.map(async (name) => (await COMMANDS[name]?.())?.(end)));
  for (const command of made) if (command !== undefined) root.addCommand(command);
  withOurErrors(root);
  return root;
}

/** Makes a command, and those below it, tell what is wrong in one line and not end the process. */
function withOurErrors(command: Command): void {
  command
    .exitOverride()
    .configureOutput({ outputError: printUsageError })
    .showHelpAfterError(false);
  for (const each of command.commands) withOurErrors(each);
}

function printUsageError(text: string): void {
  printProblems([text.trim().replace(/^error: /, "")]);
}
