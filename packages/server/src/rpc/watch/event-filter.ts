import type { Event, EventFilter } from "@lockstep/protocol";
import { keysOf } from "../../executor/event-codec.ts";
import type { JournalFilter } from "../../journal/journal.ts";

/** Which events a reader wants, for the journal and for events in memory alike. */
export interface Chosen {
  readonly inJournal: JournalFilter;
  matches(event: Event): boolean;
}

/** Reads a filter whose bounds have been checked. Without keys and prefix it chooses everything. */
export function chosenBy(filter: EventFilter | undefined): Chosen {
  const { keys = [], keyPrefix = "" } = filter ?? {};
  if (keys.length > 0) {
    const wanted = new Set(keys);
    return {
      inJournal: { kind: "keys", keys: [...wanted] },
      matches: (event) => keysOf(event).some((key) => wanted.has(key)),
    };
  }
  if (keyPrefix !== "") {
    return {
      inJournal: { kind: "prefix", prefix: keyPrefix },
      matches: (event) => keysOf(event).some((key) => key.startsWith(keyPrefix)),
    };
  }
  return { inJournal: { kind: "all" }, matches: () => true };
}
