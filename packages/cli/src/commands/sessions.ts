import type { Client } from "@lockstep/client";
import { type Session, SessionSchema, SessionState } from "@lockstep/protocol";
import { Command } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CALL_EXIT_CODES } from "../exit-codes.ts";
import { messageLine } from "../output/json.ts";
import { nameIn } from "../output/name-in.ts";
import { printLines } from "../output/print.ts";
import { tableLines } from "../output/table.ts";
import { durationText, timeText } from "../output/time.ts";

interface SessionsOptions extends ServerOptions {
  readonly ended?: boolean;
  readonly json?: boolean;
}

const HEADING = ["SESSION", "STATE", "NAME", "PRINCIPAL", "OPENED", "LEFT", "HOLDS", "WAITS"];
const PAGE_SIZE = 1_000;

/** `lockstep sessions`: who is there. */
export function sessionsCommand(): Command {
  return withServerOptions(new Command("sessions"))
    .summary("list the sessions")
    .description(
      "Lists the sessions by id: their names, who opened them and when, how long they live on without a keep-alive, how many locks they hold and wait for.",
    )
    .option("--ended", "also those that have ended and are still remembered")
    .option("--json", "print one line of JSON per session, the protocol's Session")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((options: SessionsOptions) =>
      withClient(options, async (client) => {
        const rows: string[][] = [];
        for await (const page of pages(client, options.ended === true)) {
          if (options.json) printLines(page.map((each) => messageLine(SessionSchema, each)));
          else rows.push(...page.map(rowOf));
        }
        if (options.json) return;
        printLines(rows.length > 0 ? tableLines(HEADING, rows) : ["There are no sessions."]);
      }),
    );
}

async function* pages(client: Client, includeEnded: boolean): AsyncGenerator<Session[]> {
  for (let pageToken = ""; ; ) {
    const page = await client.listSessions({ includeEnded, pageSize: PAGE_SIZE, pageToken });
    yield page.sessions;
    if (page.nextPageToken === "") return;
    pageToken = page.nextPageToken;
  }
}

function rowOf(session: Session): string[] {
  const isActive = session.state === SessionState.ACTIVE;
  return [
    String(session.sessionId),
    nameIn(SessionState, session.state).toLowerCase(),
    session.displayName,
    session.principal,
    timeText(session.openedAtMs),
    isActive ? durationText(session.remainingMs) : "",
    String(session.holdCount),
    String(session.ticketCount),
  ];
}
