import type { Checkpoint } from "@lockstep/protocol";
import type { Holding } from "../holdings.ts";
import { sameBytes } from "../rows.ts";
import type { Progress } from "../store/store.ts";

/** What a checkpoint says of rows. HISTORY: the log itself is another one; ROWS: only the rows differ. */
export type Comparison = "MATCH" | "HISTORY" | "ROWS" | "NOT_COMPARED";

/** Compares rows with a checkpoint, if they stand exactly there. */
export function compare(
  { progress, digest }: Holding<Progress>,
  { seq, logHash, count, root }: Checkpoint,
): Comparison {
  if (progress.cursor.seq !== seq) return "NOT_COMPARED";
  if (!sameBytes(progress.cursor.logHash, logHash)) return "HISTORY";
  const same = BigInt(digest.count) === count && sameBytes(digest.root(), root);
  return same ? "MATCH" : "ROWS";
}
