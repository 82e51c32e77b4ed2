import { RequestError, ServerUnreachableError, systemClock } from "@lockstep/client";
import type { Replica, ReplicaEvent } from "@lockstep/replica";
import { progressReporter } from "../output/progress.ts";

/** How often a running replica is asked how far it is, milliseconds. */
const LOOK_MS = 500;

/** How work on a replica is watched. */
export interface Watching {
  /** Is shown each event, and throws to end the work. */
  readonly watch?: (event: ReplicaEvent) => void;
  /** Reasons of refusals after which the replica goes on by itself. */
  readonly passing?: readonly string[];
}

/**
 * Runs `work` on a replica, tells on standard error how far it is, and closes it. A loss of the server ends the work, and
 * so does a refusal: a person waits for it.
 */
export async function withReplica<T>(
  replica: Replica,
  { watch = () => {}, passing = [] }: Watching,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const failed = watchEvents(
    replica,
    (event) => {
      watch(event);
      if (event.type === "disconnected") refuse(event.error, passing);
      if (event.type === "storeFailed") throw event.error;
    },
    stop.signal,
  );
  tellProgress(replica, stop.signal);
  try {
    return await Promise.race([work(stop.signal), failed]);
  } finally {
    stop.abort();
    await replica.close();
  }
}

/** Rejects with what ends the work, and never settles otherwise. */
async function watchEvents(
  replica: Replica,
  watch: (event: ReplicaEvent) => void,
  signal: AbortSignal,
): Promise<never> {
  try {
    for await (const event of replica.events(signal)) watch(event);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return await new Promise<never>(() => {});
}

/** What a replica would try again for ever. */
function refuse(error: unknown, passing: readonly string[]): void {
  if (error instanceof ServerUnreachableError) throw error;
  if (!(error instanceof RequestError) || error.code === "UNAVAILABLE") return;
  if (!passing.includes(error.reason)) throw error;
}

function tellProgress(replica: Replica, signal: AbortSignal): void {
  const rows = progressReporter("snapshot", "rows");
  const changes = progressReporter("catching up", "changes");
  let from: number | undefined;
  const look = () => {
    if (signal.aborted) return;
    systemClock.after(LOOK_MS, look);
    const { snapshot, appliedSeq, headSeq, lagChanges } = replica.status();
    if (snapshot) rows({ done: snapshot.rows, total: snapshot.estimate || undefined });
    else if (lagChanges > 0n) {
      from ??= Number(appliedSeq);
      changes({ done: Number(appliedSeq), total: Number(headSeq), from });
    }
  };
  look();
}
