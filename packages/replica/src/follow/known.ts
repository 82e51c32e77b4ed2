import { ChangeOp, type Row } from "@lockstep/protocol";
import type { Batch } from "../apply/batches.ts";
import type { HashedChange } from "../digest/hashes.ts";
import { UnknownChangeError } from "../errors.ts";

/** The batches before the first that has a change nobody here knows, and that change as an error. */
export function knownPart(
  batches: readonly Batch[],
  knows: (schemaVersion: number) => boolean,
): { readonly known: readonly Batch[]; readonly unknown: UnknownChangeError | undefined } {
  for (const [at, { changes }] of batches.entries()) {
    for (const change of changes) {
      const unknown = problemOf(change, knows);
      if (unknown) return { known: batches.slice(0, at), unknown };
    }
  }
  return { known: batches, unknown: undefined };
}

/** @throws UnknownChangeError when the rows of a snapshot have a version that nobody here knows */
export function checkKnown(rows: readonly Row[], knows: (schemaVersion: number) => boolean): void {
  const unknown = rows.find(({ schemaVersion }) => !knows(schemaVersion));
  if (unknown) throw new UnknownChangeError(unknown.seq, `schema version ${unknown.schemaVersion}`);
}

function problemOf(
  { change: { op, seq, schemaVersion } }: HashedChange,
  knows: (schemaVersion: number) => boolean,
): UnknownChangeError | undefined {
  const version = () => new UnknownChangeError(seq, `schema version ${schemaVersion}`);
  switch (op) {
    case ChangeOp.PUT:
      return knows(schemaVersion) ? undefined : version();
    case ChangeOp.DELETE:
      // It has no value whose form could be unknown; writers often leave the version out.
      return schemaVersion === 0 || knows(schemaVersion) ? undefined : version();
    case ChangeOp.CONTROL:
      return undefined;
    default:
      return new UnknownChangeError(seq, `operation ${op}`);
  }
}
