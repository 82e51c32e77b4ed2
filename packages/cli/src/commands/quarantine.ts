import type { Client } from "@lockstep/client";
import {
  ClearQuarantineResponseSchema,
  type IdentityQuarantine,
  type ListQuarantinesResponse,
  ListQuarantinesResponseSchema,
  type Lock,
  LossReason,
  QuarantineIdentityResponseSchema,
} from "@lockstep/protocol";
import { Command } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CommandError } from "../errors.ts";
import { CALL_EXIT_CODES, EXIT } from "../exit-codes.ts";
import { type ActOptions, actOf, withActOptions } from "../options/act.ts";
import { parseRevision } from "../options/parse.ts";
import { messageLine } from "../output/json.ts";
import { nameIn } from "../output/name-in.ts";
import { printLines } from "../output/print.ts";
import { printable } from "../output/printable.ts";
import { tableLines } from "../output/table.ts";
import { timeText } from "../output/time.ts";

interface ClearOptions extends ActOptions {
  readonly key?: string;
  readonly principal?: string;
  readonly expectedRevision?: bigint;
}

const HEADING = ["WHAT", "NAME", "SINCE", "REVISION", "WHY"];
const PAGE_SIZE = 1_000;

/** `lockstep quarantine`: what is kept from being locked until an operator lets it. */
export function quarantineCommand(): Command {
  return new Command("quarantine")
    .summary("show and change who and what is quarantined")
    .description(
      "A quarantined key is granted to nobody, a quarantined principal gets no lock, until an operator clears it.",
    )
    .addCommand(listCommand())
    .addCommand(addCommand())
    .addCommand(clearCommand());
}

function listCommand(): Command {
  return withServerOptions(new Command("list"))
    .summary("list what is quarantined")
    .description("Lists quarantined principals and keys: since when, by which revision, and why.")
    .option("--json", "print one line of JSON per page, the protocol's ListQuarantinesResponse")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((options: ServerOptions & { json?: boolean }) =>
      withClient(options, async (client) => {
        const rows: string[][] = [];
        for await (const page of pages(client)) {
          if (options.json) printLines([messageLine(ListQuarantinesResponseSchema, page)]);
          else rows.push(...page.identities.map(identityRow), ...page.keys.map(keyRow));
        }
        if (options.json) return;
        printLines(rows.length > 0 ? tableLines(HEADING, rows) : ["Nothing is quarantined."]);
      }),
    );
}

function addCommand(): Command {
  const command = new Command("add")
    .summary("quarantine a principal")
    .description("Denies PRINCIPAL every lock from here on. What it holds it keeps.")
    .argument("<PRINCIPAL>", "the principal, as `lockstep sessions` shows it");
  return withActOptions(command, "QuarantineIdentityResponse").action(
    (principal: string, options: ActOptions) =>
      withClient(options, async ({ admin }) => {
        const reply = await admin.quarantineIdentity({ ...actOf(options), principal });
        const line = `${principal} is quarantined by revision ${reply.quarantine?.revision ?? 0n}`;
        printLines([
          options.json ? messageLine(QuarantineIdentityResponseSchema, reply) : printable(line),
        ]);
      }),
  );
}

function clearCommand(): Command {
  const command = new Command("clear")
    .summary("let a quarantined key or principal go on")
    .description("Ends the quarantine of a key or of a principal.")
    .option("--key <KEY>", "the key")
    .option("--principal <PRINCIPAL>", "the principal")
    .option(
      "--expected-revision <REVISION>",
      "the revision that names the quarantine (default: the one in force)",
      parseRevision,
    );
  return withActOptions(command, "ClearQuarantineResponse").action((options: ClearOptions) => {
    const subject = subjectOf(options);
    return withClient(options, async (client) => {
      const expectedRevision = options.expectedRevision ?? (await revisionOf(client, subject));
      const act = { ...actOf(options), ...subject, expectedRevision };
      const reply = await client.admin.clearQuarantine(act);
      printLines([
        options.json
          ? messageLine(ClearQuarantineResponseSchema, reply)
          : printable(`${nameOf(subject)} is not quarantined any more`),
      ]);
    });
  });
}

type Subject = { readonly key: string } | { readonly principal: string };

function subjectOf({ key, principal }: ClearOptions): Subject {
  if (key !== undefined && principal === undefined) return { key };
  if (principal !== undefined && key === undefined) return { principal };
  throw new CommandError(EXIT.usage, "give --key or --principal, one of them");
}

function nameOf(subject: Subject): string {
  return "key" in subject ? subject.key : subject.principal;
}

/** The revision of the quarantine in force. */
async function revisionOf(client: Client, subject: Subject): Promise<bigint> {
  const found =
    "key" in subject
      ? (await client.getLock(subject.key)).lock?.quarantine
      : (await client.admin.listQuarantines({ pageSize: 1 })).identities.find(
          ({ principal }) => principal === subject.principal,
        );
  if (found !== undefined) return found.revision;
  throw new CommandError(EXIT.failed, printable(`${nameOf(subject)} is not quarantined`));
}

async function* pages({ admin }: Client): AsyncGenerator<ListQuarantinesResponse> {
  for (let pageToken = ""; ; ) {
    const page = await admin.listQuarantines({ pageSize: PAGE_SIZE, pageToken });
    yield page;
    if (page.nextPageToken === "") return;
    pageToken = page.nextPageToken;
  }
}

function identityRow(identity: IdentityQuarantine): string[] {
  const { principal, sinceAtMs, revision, automatic, actor, reason } = identity;
  const why = automatic ? "too many sessions were lost" : `${actor}: ${reason}`;
  return ["principal", principal, timeText(sinceAtMs), String(revision), why];
}

function keyRow({ key, quarantine }: Lock): string[] {
  if (quarantine === undefined) return ["key", key];
  const { sinceAtMs, revision, sessionId, reason } = quarantine;
  const why = `lost by session ${sessionId}: ${nameIn(LossReason, reason)}`;
  return ["key", key, timeText(sinceAtMs), String(revision), why];
}
