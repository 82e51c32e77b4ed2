import { create, toBinary } from "@bufbuild/protobuf";
import type { Checkpoint, Row, Started } from "@lockstep/protocol";
import { DatasetPolicySchema } from "@lockstep/protocol";
import type { AppliedChange, Apply } from "../apply/applied-change.ts";
import { Projection } from "../apply/projection.ts";
import { Restart } from "../follow/restart.ts";
import { positionOf } from "../follow/subscription.ts";
import type { Holdings } from "../holdings.ts";
import type { Courier } from "../poison/courier.ts";
import { sameBytes, textOf } from "../rows.ts";
import type { Difference, StagedProgress } from "../store/store.ts";

/** Begins to take over a snapshot. What was staged before is forgotten. */
export async function beginSnapshot<Tx>(holdings: Holdings<Tx>, started: Started): Promise<void> {
  const { datasetId, salt, createdEpoch, snapshotId } = started;
  const low = positionOf(started.low);
  const policy = toBinary(DatasetPolicySchema, started.policy ?? create(DatasetPolicySchema));
  const position = { snapshotId, low, afterKey: new Uint8Array(), cursor: low, high: undefined };
  await holdings.beginStaged({ datasetId, salt, createdEpoch, policy, ...position });
}

/** The snapshot goes on where it was broken off, perhaps under another name. */
export async function resumeSnapshot<Tx>(
  holdings: Holdings<Tx>,
  { snapshotId }: Started,
): Promise<void> {
  const { progress } = holdings.staged ?? {};
  if (!progress || progress.snapshotId === snapshotId) return;
  await holdings.writeStaged(({ setProgress }) => setProgress({ ...progress, snapshotId }));
}

/** Takes over the rows of a chunk, all in one transaction with the place where they end. */
export async function takeChunk<Tx>(holdings: Holdings<Tx>, rows: readonly Row[]): Promise<void> {
  const { progress, hashes } = stagedOf(holdings);
  const last = rows.at(-1);
  if (!last) return;
  await holdings.writeStaged(({ table, digest, setProgress }) => {
    let above = textOf(progress.afterKey);
    for (const row of rows) {
      const key = textOf(row.key);
      if (key <= above) throw new Restart("SNAPSHOT", "rows of a snapshot came out of order");
      above = key;
      const stored = hashes.stored(row);
      table.put(stored);
      digest.update(stored.bucket, undefined, stored.entryHash);
    }
    setProgress({ ...progress, afterKey: last.key });
  });
}

/** All rows are there: what they must be once the tail is applied up to the snapshot's high. */
export async function endChunks<Tx>(
  holdings: Holdings<Tx>,
  { seq, logHash, count, root }: Checkpoint,
): Promise<void> {
  const { progress } = stagedOf(holdings);
  await holdings.writeStaged(({ setProgress }) =>
    setProgress({ ...progress, high: { seq, logHash, count, root } }),
  );
}

/** The snapshot has reached its high: it may be compared, and published. */
export function isComplete<Tx>({ staged }: Holdings<Tx>): boolean {
  const { high, cursor } = staged?.progress ?? {};
  return high !== undefined && high.seq === cursor?.seq;
}

/**
 * Compares the snapshot with what it must be, and puts it in the place of the published rows, with what changes by that
 * given to the user's `apply`, in one transaction.
 * @throws Restart when the snapshot is not what it must be; nothing was published then
 */
export async function publishSnapshot<Tx>(
  holdings: Holdings<Tx>,
  apply: Apply<Tx> | undefined,
  courier: Courier,
  signal: AbortSignal,
): Promise<void> {
  const { progress, digest } = stagedOf(holdings);
  const { high, cursor } = progress;
  if (!high) throw new Error("the snapshot has no end yet");
  if (!sameBytes(high.logHash, cursor.logHash))
    throw new Restart("SNAPSHOT", `the log of the snapshot differs at ${high.seq}`);
  if (BigInt(digest.count) !== high.count || !sameBytes(digest.root(), high.root))
    throw new Restart("SNAPSHOT", `the rows of the snapshot differ at ${high.seq}`);
  await courier.run(signal, (parking) =>
    holdings.publish(async (tx) => {
      if (!apply) return;
      const projection = new Projection(apply, holdings, parking, tx);
      for (const difference of tx.differences()) {
        const done = projection.give(givenOf(difference, progress));
        if (done) await done;
      }
    }),
  );
}

function givenOf({ key, after }: Difference, { cursor }: StagedProgress): AppliedChange {
  const cause = "SNAPSHOT";
  if (!after) {
    const value = new Uint8Array();
    return { cause, op: "DELETE", key, value, seq: cursor.seq, schemaVersion: 0 };
  }
  const { value, seq, schemaVersion } = after;
  return { cause, op: "PUT", key, value, seq, schemaVersion };
}

function stagedOf<Tx>({ staged }: Holdings<Tx>) {
  if (!staged) throw new Error("no snapshot is being taken over");
  return staged;
}
