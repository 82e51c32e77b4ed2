import { Refusal, RefusalCode } from "@lockstep/core";
import { ErrorReason } from "@lockstep/protocol";
import type { Journal, JournalFilter, PageLimit } from "../journal/journal.ts";
import { toEvent, withoutJournalOnly } from "./event-codec.ts";
import type { History } from "./namespace.ts";

/** Where a read of the history begins: after a revision, or with the oldest event that is kept. */
export type HistoryStart = bigint | "oldest";

/**
 * Reads durable history.
 * @throws Refusal REVISION_AHEAD above the head, REVISION_COMPACTED below the floor.
 */
export async function readHistory(
  journal: Journal,
  head: bigint,
  after: HistoryStart,
  limit: PageLimit,
  filter: JournalFilter,
): Promise<History> {
  if (after !== "oldest" && after > head) throw revisionAhead(after, head);
  let { floor } = journal.state();
  if (after !== "oldest" && after < floor) throw compacted(after, floor);
  let from = after === "oldest" ? floor : after;
  let page = await journal.read(from, limit, filter);
  // What was asked for may have been dropped meanwhile, and then the page has a gap.
  for (floor = journal.state().floor; from < floor; floor = journal.state().floor) {
    if (after !== "oldest") throw compacted(after, floor);
    from = floor;
    page = await journal.read(from, limit, filter);
  }
  const { records, scannedTo, more } = page;
  return { events: records.map((record) => withoutJournalOnly(toEvent(record))), scannedTo, more };
}

/** The refusal of a cursor that lies above the last revision. */
export function revisionAhead(after: bigint, head: bigint): Refusal {
  return new Refusal(
    RefusalCode.OUT_OF_RANGE,
    ErrorReason.REVISION_AHEAD,
    `after_revision ${after} is above the namespace's last revision, ${head}, and may belong to other data: list, then watch after its header's revision`,
    { head: String(head) },
  );
}

function compacted(after: bigint, floor: bigint): Refusal {
  return new Refusal(
    RefusalCode.OUT_OF_RANGE,
    ErrorReason.REVISION_COMPACTED,
    `history up to revision ${floor} is not kept any more, and after_revision ${after} lies before: list, then watch after its header's revision`,
    { floor: String(floor) },
  );
}
