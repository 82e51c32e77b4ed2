import type { Command } from "commander";
import { type ServerOptions, withServerOptions } from "../connection/server-options.ts";
import { CALL_EXIT_CODES } from "../exit-codes.ts";

/** What every act of an operator is told. */
export interface ActOptions extends ServerOptions {
  readonly reason: string;
  readonly correlationId?: string;
  readonly json?: boolean;
}

/**
 * Gives a command the flags of an act.
 * @param reply the message of the protocol that `--json` prints
 */
export function withActOptions(command: Command, reply: string): Command {
  return withReasonOptions(withServerOptions(command), reply);
}

/** The same for a command that names its namespace otherwise. */
export function withReasonOptions(command: Command, reply: string): Command {
  return command
    .requiredOption("--reason <WHY>", "why, for the history; required")
    .option("--correlation-id <ID>", "stored in the events this causes")
    .option("--json", `print one line of JSON, the protocol's ${reply}`)
    .addHelpText("after", CALL_EXIT_CODES);
}

/** What every act tells the server. */
export function actOf({ reason, correlationId = "" }: ActOptions): {
  readonly reason: string;
  readonly correlationId: string;
} {
  return { reason, correlationId };
}
