import { type Client, RequestError } from "@lockstep/client";
import { type CheckResult, type ReplicaEvent, replicate } from "@lockstep/replica";
import { CommandError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { withCopy } from "./copy-file.ts";
import { withReplica } from "./follow.ts";
import { observingLink } from "./observing-link.ts";
import { type ReplicaFile, readReplicaFile } from "./replica-file.ts";
import { ReplicaStore } from "./replica-store.ts";

/** What a comparison of a replica's file with the server has found. */
export interface Compared {
  readonly file: ReplicaFile;
  readonly result: CheckResult;
}

/**
 * Compares all rows of a replica's SQLite file with the server's. A copy of the file is brought to where the server is and
 * compared there, so that nothing under way is taken for drift, and neither the file nor the process that runs on it is
 * touched.
 * @throws CommandError when the file cannot be compared
 */
export async function compareFile(
  client: Client,
  dataset: string,
  path: string,
): Promise<Compared> {
  const described = await client.datasets.describe(dataset);
  const file = readReplicaFile(path, described.dataset);
  if (file.quarantine !== "") {
    throw new CommandError(
      EXIT.differs,
      `${path} is in quarantine: ${file.quarantine}. Its replica takes a new snapshot when it runs`,
    );
  }
  return await withCopy(path, async (copy) => {
    const store = new ReplicaStore({ path: copy });
    const replica = replicate({
      client: { replication: observingLink(client.replication) },
      dataset,
      replica: "lockstep drift check",
      store,
      schemaVersions: () => true,
      // Whatever differs is to be named.
      maxBadBucketShare: 1,
    });
    const watch = noSnapshot(file);
    const check = async (signal: AbortSignal): Promise<CheckResult> => {
      const result = await replica.check({ repair: false, signal });
      // Rows that the file did not have yet were compared, too.
      return { ...result, rows: replica.status().rows };
    };
    try {
      return { file, result: await withReplica(replica, { watch }, check) };
    } catch (error) {
      throw incomparable(error, file);
    }
  });
}

/** A snapshot would put the server's rows in the place of those that are to be looked at. */
function noSnapshot({ path, seq }: ReplicaFile): (event: ReplicaEvent) => void {
  let why = "";
  return (event) => {
    if (event.type === "disconnected" && event.error instanceof Error) why = event.error.message;
    if (event.type !== "subscribed" || !event.snapshot) return;
    throw new CommandError(
      EXIT.differs,
      `the rows of ${path} at ${seq} cannot be compared one by one: ${why}. Its replica takes a new snapshot when it runs`,
    );
  };
}

function incomparable(error: unknown, { path, seq }: ReplicaFile): unknown {
  if (!(error instanceof RequestError)) return error;
  if (error.reason === "LOG_DIVERGED") {
    const message = `the history of ${path} up to ${seq} is not the server's: its replica takes a new snapshot when it runs`;
    return new CommandError(EXIT.differs, message, { cause: error });
  }
  if (error.reason === "COMPACTED") {
    const message = `${path} is at ${seq}, and the server does not keep the changes after it any more: its replica takes a new snapshot when it runs`;
    return new CommandError(EXIT.failed, message, { cause: error });
  }
  return error;
}
