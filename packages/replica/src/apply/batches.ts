import { ChangeOp } from "@lockstep/protocol";
import type { HashedChange } from "../digest/hashes.ts";
import type { Holdings, Writing } from "../holdings.ts";
import type { Position } from "../rows.ts";
import type { Progress, StagedProgress } from "../store/store.ts";
import type { AppliedChange, Apply } from "./applied-change.ts";
import { type Parking, Projection } from "./projection.ts";

/** One batch of a log: applied whole or not at all. */
export interface Batch {
  readonly changes: readonly HashedChange[];
  /** Where the log is after it. */
  readonly end: Position;
}

/** The kind of a control entry that has a policy as its value. */
const POLICY = "policy";

/**
 * Applies batches to the published rows, all in one transaction.
 * @throws ApplyFailure, DigestError; nothing was applied then
 */
export async function applyBatches<Tx>(
  holdings: Holdings<Tx>,
  batches: readonly Batch[],
  apply: Apply<Tx> | undefined,
  parking: Parking,
): Promise<void> {
  const parked = await holdings.writePublished<boolean>(async (writing) => {
    const projection = new Projection(apply, holdings, parking, writing.tx);
    let { policy } = progressOf(holdings);
    for (const { changes } of batches) {
      for (const hashed of changes) {
        policy = policyOf(hashed) ?? policy;
        writeRow(writing, hashed);
        const given = apply && giveOf(hashed);
        const done = given && projection.give(given);
        if (done) await done;
      }
    }
    const cursor = endOf(batches);
    writing.setProgress({ ...progressOf(holdings), cursor, policy });
    return projection.hasParked;
  });
  if (parked) await holdings.lookForLetters();
}

/**
 * Applies batches to the rows of a snapshot that is being taken over, all in one transaction. None lies above the
 * snapshot's high: up to there a change counts only when it is above the row.
 */
export async function applyStaged<Tx>(
  holdings: Holdings<Tx>,
  batches: readonly Batch[],
): Promise<void> {
  await holdings.writeStaged((writing) => {
    const progress = holdings.staged?.progress as StagedProgress;
    let { policy } = progress;
    for (const { changes } of batches) {
      for (const hashed of changes) {
        policy = policyOf(hashed) ?? policy;
        writeRow(writing, hashed, true);
      }
    }
    writing.setProgress({ ...progress, cursor: endOf(batches), policy });
  });
}

function writeRow<Tx, P>(
  { table, digest }: Writing<Tx, P>,
  { change, bucket, row }: HashedChange,
  guarded = false,
): void {
  if (change.op === ChangeOp.CONTROL) return;
  const before = table.row(change.key);
  if (guarded && before && change.seq <= before.seq) return;
  if (row) table.put(row);
  else if (before) table.delete(change.key);
  digest.update(bucket, before?.entryHash, row?.entryHash);
}

/** The policy in force from here on, encoded, if the change says so. */
function policyOf({ change }: HashedChange): Uint8Array | undefined {
  if (change.op !== ChangeOp.CONTROL) return undefined;
  return new TextDecoder().decode(change.key) === POLICY ? change.value : undefined;
}

function giveOf({ change }: HashedChange): AppliedChange | undefined {
  if (change.op === ChangeOp.CONTROL) return undefined;
  const { key, value, seq, schemaVersion } = change;
  const op = change.op === ChangeOp.PUT ? "PUT" : "DELETE";
  return { cause: "TAIL", op, key, value, seq, schemaVersion };
}

function endOf(batches: readonly Batch[]): Position {
  return (batches.at(-1) as Batch).end;
}

function progressOf<Tx>({ published }: Holdings<Tx>): Progress {
  if (!published) throw new Error("nothing was published yet");
  return published.progress;
}
