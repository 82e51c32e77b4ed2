/** The exit codes of the command, by meaning. `lockstep run` otherwise passes on that of its command. */
export const EXIT = {
  ok: 0,
  /** The command failed; a server that does not answer, or refuses. */
  failed: 1,
  /** A flag, argument or environment variable that cannot be used. */
  usage: 2,
  /** `serve`: the address or the data cannot be used. `verify`, `backup`, `restore`: the data cannot. */
  cannotStart: 3,
  /** `serve`: the journal failed or an invariant broke while serving. */
  stopped: 4,
  /** `drift`, `scrub`: something is not as it should be, and is named. */
  differs: 5,
  /** `append`: it is durable at the server, but not applied at as many replicas as was asked for. */
  notReplicated: 6,
  /** `run`: the lock was lost, or could no longer be renewed, before the command had ended. */
  lockLost: 75,
  /** `run`: the lock was not granted; the command never ran. */
  notGranted: 76,
  /** `run`: the command cannot be executed. */
  notExecutable: 126,
  /** `run`: the command was not found. */
  notFound: 127,
} as const;

/** The exit code that tells of an end by a signal, as shells count. */
export function exitCodeOfSignal(signalNumber: number): number {
  return 128 + signalNumber;
}

/** The lines of a help text about exit codes, for those a command has. */
export function exitCodesHelp(meanings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(meanings).map(([code, meaning]) => `  ${code.padEnd(7)}${meaning}`);
  return `\nExit codes:\n${lines.join("\n")}`;
}

/** The exit codes of the commands that ask a server, or tell it to do something. */
export const CALL_EXIT_CODES = exitCodesHelp({
  [EXIT.ok]: "done",
  [EXIT.failed]: "the server does not answer, or refuses",
  [EXIT.usage]: "a flag, argument or variable that cannot be used",
});

/** The same for the commands that compare rows. */
export const COMPARE_EXIT_CODES = exitCodesHelp({
  [EXIT.ok]: "every row is as it should be",
  [EXIT.failed]: "the server does not answer, or refuses",
  [EXIT.usage]: "a flag, argument, variable or file that cannot be used",
  [EXIT.differs]: "something is not as it should be, and is named",
});

/** The exit codes of the commands that work on a data folder. */
export const DATA_EXIT_CODES = exitCodesHelp({
  [EXIT.ok]: "done, and everything was proven whole",
  [EXIT.failed]: "an error in lockstep itself",
  [EXIT.usage]: "a flag, argument or variable that cannot be used",
  [EXIT.cannotStart]: "the data cannot be used; the sentence says what to do",
});
