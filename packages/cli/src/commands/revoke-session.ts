import { RevokeSessionResponseSchema, SessionState } from "@lockstep/protocol";
import { Command } from "commander";
import { withClient } from "../connection/server-options.ts";
import { type ActOptions, actOf, withActOptions } from "../options/act.ts";
import { parseNumber } from "../options/parse.ts";
import { messageLine } from "../output/json.ts";
import { nameIn } from "../output/name-in.ts";
import { printLines } from "../output/print.ts";

/** `lockstep revoke-session`: ends a session. */
export function revokeSessionCommand(): Command {
  const command = new Command("revoke-session")
    .summary("end a session; all it holds is lost")
    .description(
      "Ends a session. Its holds are lost, and their keys stay DELAYED until its client knows, or its time to live has passed.",
    )
    .argument("<SESSION>", "the id of the session, as `lockstep sessions` shows it", parseNumber);
  return withActOptions(command, "RevokeSessionResponse").action(
    (sessionId: bigint, options: ActOptions) =>
      withClient(options, async ({ admin }) => {
        const reply = await admin.revokeSession({ ...actOf(options), sessionId });
        const state = nameIn(SessionState, reply.session?.state ?? SessionState.UNSPECIFIED);
        printLines([
          options.json
            ? messageLine(RevokeSessionResponseSchema, reply)
            : `session ${sessionId} is ${state}`,
        ]);
      }),
  );
}
