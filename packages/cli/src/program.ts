import { Command, CommanderError } from "commander";
import { appendCommand } from "./commands/append.ts";
import { backupCommand } from "./commands/backup.ts";
import { datasetCommand } from "./commands/dataset/dataset.ts";
import { driftCommand } from "./commands/drift/drift.ts";
import { eventsCommand } from "./commands/events.ts";
import { forceReleaseCommand } from "./commands/force-release.ts";
import { getCommand } from "./commands/get.ts";
import { graphCommand } from "./commands/graph.ts";
import { infoCommand } from "./commands/info.ts";
import { lagCommand } from "./commands/lag.ts";
import { locksCommand } from "./commands/locks.ts";
import { namespacesCommand } from "./commands/namespaces.ts";
import { policyCommand } from "./commands/policy.ts";
import { quarantineCommand } from "./commands/quarantine.ts";
import { requestReleaseCommand } from "./commands/request-release.ts";
import { restoreCommand } from "./commands/restore.ts";
import { revokeSessionCommand } from "./commands/revoke-session.ts";
import { runCommand } from "./commands/run.ts";
import { scanCommand } from "./commands/scan.ts";
import { scrubCommand } from "./commands/scrub.ts";
import { serveCommand } from "./commands/serve.ts";
import { sessionsCommand } from "./commands/sessions.ts";
import { snapshotCommand } from "./commands/snapshot.ts";
import { tailCommand } from "./commands/tail.ts";
import { verifyCommand } from "./commands/verify.ts";
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

/** The whole command line. @param end is told the exit code of a command that has one of its own */
export function program(end: (exitCode: number) => void): Command {
  const root = new Command("lockstep")
    .description("Locks and replicas that keep step.")
    .version(version, "--version", "print the version");
  const commands = [
    serveCommand(end),
    runCommand(end),
    infoCommand(),
    locksCommand(),
    sessionsCommand(),
    graphCommand(),
    watchCommand(),
    eventsCommand(),
    requestReleaseCommand(),
    forceReleaseCommand(),
    revokeSessionCommand(),
    quarantineCommand(),
    policyCommand(),
    namespacesCommand(),
    datasetCommand(),
    appendCommand(end),
    getCommand(),
    scanCommand(),
    tailCommand(),
    snapshotCommand(),
    lagCommand(),
    driftCommand(end),
    scrubCommand(end),
    verifyCommand(),
    backupCommand(),
    restoreCommand(),
  ];
  for (const command of commands) root.addCommand(command);
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
