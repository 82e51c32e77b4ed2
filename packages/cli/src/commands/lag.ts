import { toJson } from "@bufbuild/protobuf";
import type { Client } from "@lockstep/client";
import { type Replica, ReplicaSchema, ReplicaState } from "@lockstep/protocol";
import { Command } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CALL_EXIT_CODES } from "../exit-codes.ts";
import { driftText } from "../output/drift-text.ts";
import { jsonLine } from "../output/json.ts";
import { nameIn } from "../output/name-in.ts";
import { printLines } from "../output/print.ts";
import { tableLines } from "../output/table.ts";
import { durationText } from "../output/time.ts";
import { datasetPages, replicaPages } from "../replication/pages.ts";

interface LagOptions extends ServerOptions {
  readonly json?: boolean;
}

interface Lagging {
  readonly dataset: string;
  readonly headSeq: bigint;
  readonly replica: Replica;
}

const HEADING = [
  "DATASET",
  "REPLICA",
  "STATE",
  "IN SYNC",
  "APPLIED",
  "BEHIND",
  "LAG",
  "VERIFIED",
  "LEASE",
  "LAST DRIFT",
];

const HELP = `
BEHIND is how many changes a replica has still to apply, LAG how old what it has is at most. A replica without a lease
has not been heard of for long: it is stopped, cut off, or was not started since the server was.`;

/** `lockstep lag`: how far replicas are. */
export function lagCommand(): Command {
  return withServerOptions(new Command("lag"))
    .summary("tell how far the replicas are")
    .description("Lists the replicas of DATASET, or of all datasets, and how far they are.")
    .argument("[DATASET]", "the dataset")
    .option(
      "--json",
      "print one line of JSON per replica: dataset, headSeq, the protocol's Replica",
    )
    .addHelpText("after", HELP + CALL_EXIT_CODES)
    .action((dataset: string | undefined, options: LagOptions) =>
      withClient(options, async (client) => {
        const all: Lagging[] = [];
        for await (const name of namesOf(client, dataset)) {
          for await (const { headSeq, replicas } of replicaPages(client, name))
            all.push(...replicas.map((replica) => ({ dataset: name, headSeq, replica })));
        }
        printLines(options.json ? all.map(jsonOf) : linesOf(all));
      }),
    );
}

async function* namesOf(client: Client, dataset: string | undefined): AsyncGenerator<string> {
  if (dataset !== undefined) yield dataset;
  else for await (const page of datasetPages(client)) yield* page.map((each) => each.dataset);
}

function jsonOf({ dataset, headSeq, replica }: Lagging): string {
  const message = toJson(ReplicaSchema, replica, { alwaysEmitImplicit: true });
  return jsonLine({ dataset, headSeq: String(headSeq), replica: message });
}

function linesOf(all: readonly Lagging[]): string[] {
  return all.length === 0 ? ["There are no replicas."] : tableLines(HEADING, all.map(cellsOf));
}

function cellsOf({ dataset, headSeq, replica }: Lagging): string[] {
  const { state, leaseRemainingMs } = replica;
  const isKnown = state !== ReplicaState.UNSPECIFIED;
  return [
    dataset,
    replica.replica,
    isKnown ? nameIn(ReplicaState, state).toLowerCase() : "not heard of",
    replica.inSync ? "yes" : "no",
    `${replica.appliedSeq} of ${headSeq}`,
    String(replica.lagChanges),
    isKnown ? durationText(replica.lagMs) : "",
    String(replica.verifiedSeq),
    leaseRemainingMs > 0n ? durationText(leaseRemainingMs) : "none",
    replica.lastDrift ? driftText(replica.lastDrift) : "",
  ];
}
