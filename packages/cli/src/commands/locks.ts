import type { Client } from "@lockstep/client";
import { type Lock, LockSchema } from "@lockstep/protocol";
import { Command } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CALL_EXIT_CODES } from "../exit-codes.ts";
import { messageLine } from "../output/json.ts";
import { LOCK_HEADING, lockRows } from "../output/lock-rows.ts";
import { printLines } from "../output/print.ts";
import { tableLines } from "../output/table.ts";

const PAGE_SIZE = 1_000;

/** `lockstep locks`: who holds what, and who waits. */
export function locksCommand(): Command {
  return withServerOptions(new Command("locks"))
    .summary("list the locks in use: who holds, who waits")
    .description(
      "Lists the keys that are held, delayed, quarantined or waited for, by key: how, who, since when, with which token, and what is known of it: the correlation id that was given, how often it is counted, what the holder publishes, whether somebody asked for it. At most the first 16 waiters of a key are shown.",
    )
    .argument("[PREFIX]", "only keys that start with this")
    .option("--json", "print one line of JSON per key, the protocol's Lock")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((prefix: string | undefined, options: ServerOptions & { json?: boolean }) =>
      withClient(options, async (client) => {
        const rows: string[][] = [];
        for await (const locks of pages(client, prefix ?? "")) {
          if (options.json) printLines(locks.map((lock) => messageLine(LockSchema, lock)));
          else rows.push(...locks.flatMap(lockRows));
        }
        if (options.json) return;
        printLines(rows.length > 0 ? tableLines(LOCK_HEADING, rows) : ["No locks are in use."]);
      }),
    );
}

async function* pages(client: Client, prefix: string): AsyncGenerator<Lock[]> {
  for (let pageToken = ""; ; ) {
    const page = await client.listLocks({ prefix, pageSize: PAGE_SIZE, pageToken });
    yield page.locks;
    if (page.nextPageToken === "") return;
    pageToken = page.nextPageToken;
  }
}
