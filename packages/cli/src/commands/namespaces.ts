import type { Client } from "@lockstep/client";
import {
  CreateNamespaceResponseSchema,
  LockOrdering,
  type Namespace,
  NamespaceSchema,
  type NamespaceSettings,
  UpdateNamespaceResponseSchema,
} from "@lockstep/protocol";
import { Command, Option } from "commander";
import { type ServerOptions, withAddressOption, withClient } from "../connection/server-options.ts";
import { CommandError } from "../errors.ts";
import { CALL_EXIT_CODES, EXIT } from "../exit-codes.ts";
import { type ActOptions, actOf, withReasonOptions } from "../options/act.ts";
import { parseCount, parseDurationMs, parseNumber } from "../options/parse.ts";
import { messageLine } from "../output/json.ts";
import { printLines } from "../output/print.ts";
import { printable } from "../output/printable.ts";
import { settingsText } from "../output/settings-text.ts";
import { tableLines } from "../output/table.ts";

interface SettingsOptions extends ActOptions {
  readonly ordering?: "none" | "ascending";
  /** False: `--no-quarantine`. */
  readonly quarantine?: false;
  readonly quarantineAfter?: number;
  readonly quarantineWindow?: number;
}

interface UpdateOptions extends SettingsOptions {
  readonly expectedVersion?: bigint;
}

const HEADING = ["NAMESPACE", "EPOCH", "REVISION", "VERSION", "SETTINGS"];
const PAGE_SIZE = 1_000;
const QUARANTINE_WINDOW_DEFAULT_MS = 600_000;
const ORDERINGS = { none: LockOrdering.NONE, ascending: LockOrdering.ASCENDING };

/** `lockstep namespaces`: worlds of their own on one server. */
export function namespacesCommand(): Command {
  return new Command("namespaces")
    .summary("list, make and change namespaces")
    .description("Sessions and locks of one namespace know nothing of another.")
    .addCommand(listCommand())
    .addCommand(createCommand())
    .addCommand(updateCommand());
}

function listCommand(): Command {
  return withAddressOption(new Command("list"))
    .summary("list the namespaces")
    .description("Lists the namespaces of the server with their settings.")
    .option("--json", "print one line of JSON per namespace, the protocol's Namespace")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((options: ServerOptions & { json?: boolean }) =>
      withClient(options, async (client) => {
        const all: Namespace[] = [];
        for await (const page of pages(client)) all.push(...page);
        printLines(
          options.json
            ? all.map((each) => messageLine(NamespaceSchema, each))
            : tableLines(HEADING, all.map(rowOf)),
        );
      }),
    );
}

function createCommand(): Command {
  const command = new Command("create")
    .summary("make a namespace")
    .description(
      "Makes the namespace NAME. One that exists with the same settings is left as it is.",
    )
    .argument("<NAME>", "its name");
  return withSettingsOptions(command, "CreateNamespaceResponse").action(
    (name: string, options: SettingsOptions) =>
      withClient(options, async ({ admin }) => {
        const settings = settingsOf(options, undefined);
        const act = { ...actOf(options), namespace: name, settings };
        const reply = await admin.createNamespace(act);
        printLines([
          options.json
            ? messageLine(CreateNamespaceResponseSchema, reply)
            : lineOf(reply.namespace),
        ]);
      }),
  );
}

function updateCommand(): Command {
  const command = new Command("update")
    .summary("change the settings of a namespace")
    .description("Changes the settings of NAME that are given; the others stay.")
    .argument("<NAME>", "its name")
    .option(
      "--expected-version <VERSION>",
      "the version of the settings it was decided on (default: the present one)",
      parseNumber,
    );
  return withSettingsOptions(command, "UpdateNamespaceResponse").action(
    (name: string, options: UpdateOptions) => {
      refuseNoChange(options);
      return withClient(options, async (client) => {
        const present = await find(client, name);
        const settings = settingsOf(options, present?.settings);
        const expectedVersion = options.expectedVersion ?? present?.version ?? 0n;
        const act = { ...actOf(options), namespace: name, settings, expectedVersion };
        const reply = await client.admin.updateNamespace(act);
        printLines([
          options.json
            ? messageLine(UpdateNamespaceResponseSchema, reply)
            : lineOf(reply.namespace),
        ]);
      });
    },
  );
}

/** A change of nothing would only raise the version. */
function refuseNoChange(options: SettingsOptions): void {
  const { ordering, quarantine, quarantineAfter, quarantineWindow } = options;
  const isGiven = [ordering, quarantineAfter, quarantineWindow].some((each) => each !== undefined);
  if (isGiven || quarantine === false) return;
  throw new CommandError(EXIT.usage, "give what to change: --ordering or a --quarantine flag");
}

function withSettingsOptions(command: Command, reply: string): Command {
  const settings = command
    .addOption(
      new Option("--ordering <ORDER>", "in which order an owner takes its locks").choices(
        Object.keys(ORDERINGS),
      ),
    )
    .option(
      "--quarantine-after <LOSSES>",
      "quarantine a principal that loses more sessions than this",
      parseCount,
    )
    .option(
      "--quarantine-window <DURATION>",
      "… within this time (default with --quarantine-after: 10m)",
      parseDurationMs,
    )
    .option("--no-quarantine", "never quarantine a principal by itself");
  return withReasonOptions(withAddressOption(settings), reply);
}

function settingsOf(
  options: SettingsOptions,
  present: NamespaceSettings | undefined,
): Pick<NamespaceSettings, "ordering" | "quarantineAfterLosses" | "quarantineWindowMs"> {
  const never = options.quarantine === false;
  const { quarantineAfter, quarantineWindow } = options;
  if (never && (quarantineAfter !== undefined || quarantineWindow !== undefined)) {
    throw new CommandError(EXIT.usage, "--no-quarantine goes without the other two");
  }
  const losses = never ? 0 : (quarantineAfter ?? present?.quarantineAfterLosses ?? 0);
  const before = Number(present?.quarantineWindowMs ?? 0n) || QUARANTINE_WINDOW_DEFAULT_MS;
  if (losses === 0 && quarantineWindow !== undefined) {
    throw new CommandError(EXIT.usage, "--quarantine-window needs --quarantine-after");
  }
  return {
    ordering:
      options.ordering === undefined
        ? (present?.ordering ?? LockOrdering.NONE)
        : ORDERINGS[options.ordering],
    quarantineAfterLosses: losses,
    quarantineWindowMs: BigInt(losses === 0 ? 0 : (quarantineWindow ?? before)),
  };
}

async function find(client: Client, name: string): Promise<Namespace | undefined> {
  for await (const page of pages(client)) {
    const found = page.find(({ namespace }) => namespace === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function* pages({ admin }: Client): AsyncGenerator<Namespace[]> {
  for (let pageToken = ""; ; ) {
    const page = await admin.listNamespaces({ pageSize: PAGE_SIZE, pageToken });
    yield page.namespaces;
    if (page.nextPageToken === "") return;
    pageToken = page.nextPageToken;
  }
}

function rowOf({ namespace, epoch, revision, version, settings }: Namespace): string[] {
  const numbers = [epoch, revision, version].map(String);
  return [namespace, ...numbers, settingsText(settings)];
}

function lineOf(namespace: Namespace | undefined): string {
  const { namespace: name = "", version = 0n, settings } = namespace ?? {};
  return printable(`${name} has version ${version} of its settings: ${settingsText(settings)}`);
}
