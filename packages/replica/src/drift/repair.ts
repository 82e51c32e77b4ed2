import { DEFAULT_LIMITS, type FetchedEntry } from "@lockstep/protocol";
import type { AppliedChange, Apply } from "../apply/applied-change.ts";
import { type Parking, Projection } from "../apply/projection.ts";
import { positionOf } from "../follow/subscription.ts";
import type { Courier } from "../poison/courier.ts";
import { type Position, type StoredRow, sameBytes } from "../rows.ts";
import type { Progress } from "../store/store.ts";
import type { Ground } from "./locate.ts";

/**
 * Writes the server's rows of these keys over the replica's own, with the server's seqs: those that are the same at
 * exactly the position of the answer are left alone. One transaction for each answer.
 * @returns the keys that were written
 */
export async function repairKeys<Tx>(
  ground: Ground<Tx>,
  keys: readonly Uint8Array[],
  apply: Apply<Tx> | undefined,
  courier: Courier,
): Promise<Uint8Array[]> {
  const { link, dataset, signal, reach } = ground;
  const waiting = [...keys];
  const written: Uint8Array[] = [];
  while (waiting.length > 0) {
    const asked = waiting.slice(0, DEFAULT_LIMITS.max_fetch_keys);
    const reply = await link.fetchEntries({ dataset, keys: asked }, { signal });
    const asOf = positionOf(reply.asOf);
    await reach(asOf);
    const done = await courier.run(signal, (parking) =>
      writeEntries(ground, reply.entries, asOf, apply, parking),
    );
    written.push(...done);
    waiting.splice(0, Math.max(1, reply.entries.length));
  }
  return written;
}

async function writeEntries<Tx>(
  { holdings }: Ground<Tx>,
  entries: readonly FetchedEntry[],
  asOf: Position,
  apply: Apply<Tx> | undefined,
  parking: Parking,
): Promise<Uint8Array[]> {
  const { hashes, progress } = holdings.published ?? {};
  if (!hashes || !progress) return [];
  const result = await holdings.writePublished<{ written: Uint8Array[]; parked: boolean }>(
    async ({ tx, table, digest, setProgress }) => {
      const projection = new Projection(apply, holdings, parking, tx);
      const written: Uint8Array[] = [];
      for (const { key, row } of entries) {
        const before = table.row(key);
        const after = row && hashes.stored(row);
        if (isSame(before, after)) continue;
        if (after) table.put(after);
        else table.delete(key);
        digest.update((after ?? (before as StoredRow)).bucket, before?.entryHash, after?.entryHash);
        written.push(key);
        const done = projection.give(givenOf(key, after, asOf));
        if (done) await done;
      }
      setProgress(progress satisfies Progress);
      return { written, parked: projection.hasParked };
    },
  );
  if (result.parked) await holdings.lookForLetters();
  return result.written;
}

function isSame(before: StoredRow | undefined, after: StoredRow | undefined): boolean {
  if (!before || !after) return before === after;
  return sameBytes(before.entryHash, after.entryHash);
}

function givenOf(key: Uint8Array, after: StoredRow | undefined, asOf: Position): AppliedChange {
  const cause = "REPAIR";
  if (!after) {
    const value = new Uint8Array();
    return { cause, op: "DELETE", key, value, seq: asOf.seq, schemaVersion: 0 };
  }
  const { value, seq, schemaVersion } = after;
  return { cause, op: "PUT", key, value, seq, schemaVersion };
}
