import type { Event, EventFilter } from "@lockstep/protocol";
import { isAbout, isOfDataset, keysOf } from "../../executor/event-codec.ts";
import type { JournalFilter } from "../../journal/journal.ts";

/** Which events a reader wants, for the journal and for events in memory alike. */
export interface Chosen {
  /** What the journal finds by its index: all chosen events are among them. */
  readonly inJournal: JournalFilter;
  /** Whether the journal finds nothing but chosen events. */
  readonly byIndexAlone: boolean;
  matches(event: Event): boolean;
}

/** Reads a filter whose bounds have been checked. Without any condition it chooses everything. */
export function chosenBy(filter: EventFilter | undefined): Chosen {
  const byKey = chosenByKey(filter);
  const conditions = conditionsOf(filter);
  return {
    inJournal: byKey.inJournal,
    byIndexAlone: conditions.length === 0,
    matches: (event) => byKey.matches(event) && conditions.every((holds) => holds(event)),
  };
}

type Condition = (event: Event) => boolean;

function chosenByKey(filter: EventFilter | undefined): Pick<Chosen, "inJournal" | "matches"> {
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

/** What must hold beside the keys, each cheap, the most selective first. */
function conditionsOf(filter: EventFilter | undefined): Condition[] {
  const { sessionId = 0n, dataset = "", actor = "", fromAtMs = 0n, untilAtMs = 0n } = filter ?? {};
  const conditions: Condition[] = [];
  if (sessionId !== 0n) conditions.push((event) => isAbout(event, sessionId));
  if (dataset !== "") conditions.push((event) => isOfDataset(event, dataset));
  if (actor !== "") conditions.push((event) => event.actor === actor);
  if (fromAtMs !== 0n) conditions.push(({ decidedAtMs }) => decidedAtMs >= fromAtMs);
  if (untilAtMs !== 0n) conditions.push(({ decidedAtMs }) => decidedAtMs < untilAtMs);
  return conditions;
}
