import { type VerifiedData, type VerifiedNamespace, verifyData } from "@lockstep/server";
import { Command } from "commander";
import { DATA_EXIT_CODES } from "../exit-codes.ts";
import { type DataOption, dataOf, withDataOption } from "../options/data-option.ts";
import { jsonLine } from "../output/json.ts";
import { printLines, printProblems } from "../output/print.ts";
import { printable } from "../output/printable.ts";
import { tableLines } from "../output/table.ts";

const HELP = `
Give the folder of a server that is stopped, or of a backup. Nothing in it is changed.
${DATA_EXIT_CODES}`;

/** `lockstep verify`: proves that a data folder or a backup is whole. */
export function verifyCommand(): Command {
  return withDataOption(new Command("verify"))
    .summary("prove that a data folder or a backup is whole")
    .description(
      "Proves all that a start of the server would: every byte of the journals against hash chain and checksums, their ends against the marks, and that their events follow from one another.",
    )
    .option("--json", "print one line of JSON")
    .addHelpText("after", HELP)
    .action(async (options: DataOption & { json?: boolean }) => {
      const verified = await verifyData(dataOf(options));
      for (const { namespace, notices } of verified.namespaces) {
        printProblems(notices.map((notice) => printable(`${namespace}: ${notice}`)));
      }
      printLines(options.json ? [verifiedJson(verified)] : verifiedLines(verified));
    });
}

function verifiedLines({ folder, isBackup, namespaces }: VerifiedData): string[] {
  const heading = [
    "NAMESPACE",
    "REVISION",
    "EPOCH",
    "FLOOR",
    "SNAPSHOT",
    "SESSIONS",
    "HOLDS",
    "WAITERS",
    "BYTES",
  ];
  const kind = isBackup ? "backup" : "data";
  return [
    ...tableLines(heading, namespaces.map(cellsOf)),
    "",
    `The ${kind} in ${printable(folder)} is whole.`,
  ];
}

function cellsOf(verified: VerifiedNamespace): string[] {
  const { namespace, revision, epoch, floor, snapshotRevision } = verified;
  const { sessions, holds, waiters, bytes } = verified;
  const numbers = [revision, epoch, floor, snapshotRevision, sessions, holds, waiters, bytes];
  return [namespace, ...numbers.map(String)];
}

function verifiedJson({ folder, clusterId, isBackup, namespaces }: VerifiedData): string {
  return jsonLine({
    folder,
    clusterId,
    isBackup,
    namespaces: namespaces.map((verified) => ({
      ...verified,
      revision: String(verified.revision),
      epoch: String(verified.epoch),
      floor: String(verified.floor),
      snapshotRevision: String(verified.snapshotRevision),
    })),
  });
}
