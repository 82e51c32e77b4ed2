import { toBinary } from "@bufbuild/protobuf";
import { type Event, EventSchema } from "@lockstep/protocol";
import type { HistoryStart } from "../../executor/history.ts";
import type { History, Namespace } from "../../executor/namespace.ts";
import type { PageLimit } from "../../journal/journal.ts";
import type { Chosen } from "./event-filter.ts";

/**
 * How much of the history is looked at for one page when the index of the journal does not know all
 * conditions. The page may then be empty, and its cursor has moved.
 */
export const SCAN: PageLimit = { maxRecords: 1_024, maxBytes: 512 * 1024 };

/** Reads the next page of the chosen events. */
export async function readChosen(
  namespace: Namespace,
  after: HistoryStart,
  limit: PageLimit,
  chosen: Chosen,
): Promise<History> {
  if (chosen.byIndexAlone) return namespace.history(after, limit, chosen.inJournal);
  return cut(await namespace.history(after, SCAN, chosen.inJournal), limit, chosen);
}

/** The chosen events of what was scanned, as many as fit: the cursor stands behind the last of them then. */
function cut(scanned: History, { maxRecords, maxBytes }: PageLimit, chosen: Chosen): History {
  const events: Event[] = [];
  let room = maxBytes;
  for (const event of scanned.events) {
    if (!chosen.matches(event)) continue;
    room -= toBinary(EventSchema, event).byteLength;
    const last = events.at(-1);
    if (last !== undefined && (events.length === maxRecords || room < 0)) {
      return { events, scannedTo: last.revision, more: true };
    }
    events.push(event);
  }
  return { ...scanned, events };
}
