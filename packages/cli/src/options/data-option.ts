import type { Command } from "commander";

/** Which data folder a command is about, as given. */
export interface DataOption {
  readonly data?: string;
}

const DATA_DEFAULT = "./.lockstep";

/** Gives a command the flag that says which data folder it is about. */
export function withDataOption(command: Command): Command {
  return command.option(
    "--data <FOLDER>",
    `the data folder of a server (default $LOCKSTEP_DATA, else ${DATA_DEFAULT})`,
  );
}

/** The data folder that is meant. */
export function dataOf({ data }: DataOption): string {
  return data || process.env.LOCKSTEP_DATA || DATA_DEFAULT;
}
