import { type Client, type ReplicationLink, systemClock } from "@lockstep/client";
import { type CheckResult, type DriftFound, type Replica, replicate } from "@lockstep/replica";
import { CommandError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { durationText } from "../output/time.ts";
import { withReplica } from "./follow.ts";
import { findReplica } from "./pages.ts";
import type { ReplicaFile } from "./replica-file.ts";
import { ReplicaStore } from "./replica-store.ts";

/** How long the server has for the reports of what was found, milliseconds. */
const REPORTS_MS = 5_000;

/** Whose file is repaired, and how. */
export interface Repair {
  readonly dataset: string;
  /** The name under which the file's process registers. */
  readonly replica: string;
  readonly file: ReplicaFile;
  /** Whether changes are set aside for the `apply` of the file's owner. */
  readonly parks: boolean;
}

/** What was done. */
export interface Repaired {
  /** What was found, in its order, with what was done about it. */
  readonly found: readonly DriftFound[];
  /** How it is in the end. */
  readonly result: CheckResult;
  readonly parked: number;
}

/**
 * Makes sure that a replica is known, and that its process does not run.
 * @throws CommandError otherwise
 */
export async function refuseRunning(client: Client, dataset: string, name: string): Promise<void> {
  const known = await findReplica(client, dataset, name);
  if (known === undefined) {
    const message = `${dataset} has no replica ${name}: give the name the file's process registers, see lockstep lag ${dataset}`;
    throw new CommandError(EXIT.usage, message);
  }
  const { leaseRemainingMs } = known;
  if (leaseRemainingMs === 0n) return;
  throw new CommandError(
    EXIT.failed,
    `the process of the replica ${name} runs, or did until now: stop it and wait for its lease, ${durationText(leaseRemainingMs)}; or let it repair its rows itself, by onDrift: "REPAIR" or check({ repair: true })`,
  );
}

/** Runs the replica on its file until every row is the server's. */
export async function repairFile(client: Client, repair: Repair): Promise<Repaired> {
  const { dataset, replica: name, file, parks } = repair;
  const store = new ReplicaStore({ path: file.path });
  const reports = new Reports(client.replication);
  const replica = replicate({
    client: { replication: reports.link },
    dataset,
    replica: name,
    description: "lockstep drift repair",
    store,
    schemaVersions: () => true,
    ...(parks && { apply: store.park }),
  });
  const found: DriftFound[] = [];
  const result = await withReplica(
    replica,
    {
      watch: (event) => {
        if (event.type === "drift") found.push(event.found);
      },
      passing: ["COMPACTED", "LOG_DIVERGED"],
    },
    async (signal) => {
      const checked = await untilWhole(replica, signal);
      await reports.arrived(() => found.length);
      // Rows that the file did not have yet were compared, too.
      return { ...checked, rows: replica.status().rows };
    },
  );
  return { found, result, parked: store.parked };
}

/** Rows that are too far from the server's are replaced by a snapshot, and looked at again. */
async function untilWhole(replica: Replica, signal: AbortSignal): Promise<CheckResult> {
  const first = await replica.check({ repair: true, signal });
  if (first.drift?.action !== "QUARANTINED") return first;
  return await replica.check({ repair: true, signal });
}

/** Counts the reports that reach the server, which are sent beside the work. */
class Reports {
  readonly link: ReplicationLink;
  #arrived = 0;

  constructor(link: ReplicationLink) {
    this.link = {
      ...link,
      reportDrift: async (request, options) => {
        const reply = await link.reportDrift(request, options);
        this.#arrived += 1;
        return reply;
      },
    };
  }

  /** Waits until as many have arrived as were made, or the time for it is over. */
  async arrived(made: () => number): Promise<void> {
    const untilMs = systemClock.monotonicMs() + REPORTS_MS;
    while (this.#arrived < made() && systemClock.monotonicMs() < untilMs)
      await new Promise<void>((resolve) => systemClock.after(10, resolve));
  }
}
