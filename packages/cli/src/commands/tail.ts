import { type Client, type Clock, systemClock } from "@lockstep/client";
import { ChangeSchema, CheckpointSchema } from "@lockstep/protocol";
import { Command } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CommandError } from "../errors.ts";
import { CALL_EXIT_CODES, EXIT } from "../exit-codes.ts";
import { parseCount, parseNumber } from "../options/parse.ts";
import { changeLine, checkpointLine } from "../output/change-line.ts";
import { messageLine } from "../output/json.ts";
import { printLines } from "../output/print.ts";
import { progressReporter } from "../output/progress.ts";
import { type Followed, followLog, type LogEntry } from "../replication/follow-log.ts";

interface TailOptions extends ServerOptions {
  readonly from?: bigint;
  readonly limit?: number;
  /** False: `--no-follow`. */
  readonly follow: boolean;
  readonly checkpoints?: boolean;
  readonly json?: boolean;
}

/** `lockstep tail`: the log of a dataset as it grows. */
export function tailCommand(): Command {
  return withServerOptions(new Command("tail"))
    .summary("follow the log of a dataset")
    .description(
      "Follows the log of DATASET, without gap or repetition, over lost connections and restarts of the server, until it is interrupted. It counts for no append.",
    )
    .argument("<DATASET>", "the dataset")
    .option("--from <SEQ>", "start with this change (default: with the next one)", parseNumber)
    .option("--limit <COUNT>", "end after so many changes", parseCount)
    .option("--no-follow", "end at what is the last change now")
    .option("--checkpoints", "show checkpoints, too")
    .option("--json", "print one line of JSON per entry, the protocol's Change or Checkpoint")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((dataset: string, options: TailOptions) =>
      withClient(options, (client) => tail(client, dataset, options)),
    );
}

/** The part of a client that a log is shown through. */
interface Tailed extends Followed {
  readonly datasets: Pick<Client["datasets"], "describe">;
}

/** Prints the log, and tells on standard error how far it is until it has caught up with what was the head. */
export async function tail(
  client: Tailed,
  dataset: string,
  options: TailOptions,
  clock: Clock = systemClock,
): Promise<void> {
  const headSeq = (await client.datasets.describe(dataset)).dataset?.headSeq ?? 0n;
  const from = fromOf(options, headSeq);
  const { limit = Number.POSITIVE_INFINITY } = options;
  const lastSeq = options.follow ? undefined : headSeq;
  if (lastSeq !== undefined && from > lastSeq) return;
  const total = Math.min(limit, Number(headSeq - from + 1n));
  const report = progressReporter("catching up", "changes", clock);
  const stop = new AbortController();
  let done = 0;
  for await (const entry of followLog(client, dataset, from, stop.signal, clock)) {
    show(entry, options);
    if (entry.kind !== "change") continue;
    done += 1;
    if (done < total) report({ done, total });
    if (done === limit || entry.change.seq === lastSeq) stop.abort();
    if (stop.signal.aborted) break;
  }
}

/** The first change to show. */
function fromOf({ from, follow }: TailOptions, headSeq: bigint): bigint {
  if (from === 0n) throw new CommandError(EXIT.usage, "--from 0: the first change is 1");
  return from ?? (follow ? headSeq + 1n : 1n);
}

function show(entry: LogEntry, { json, checkpoints }: TailOptions): void {
  if (entry.kind === "change") {
    const { change } = entry;
    printLines([json ? messageLine(ChangeSchema, change) : changeLine(change)]);
  }
  if (entry.kind === "checkpoint" && checkpoints) {
    const { checkpoint } = entry;
    printLines([json ? messageLine(CheckpointSchema, checkpoint) : checkpointLine(checkpoint)]);
  }
}
