import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Event, EventSchema, type LockTarget } from "@lockstep/protocol";
import type { JournalRecord } from "../journal/journal.ts";

/** An event as the journal keeps it, with the keys it can be found by. */
export function toRecord(event: Event): JournalRecord {
  return { revision: event.revision, bytes: toBinary(EventSchema, event), keys: keysOf(event) };
}

/** The event of a record. Throws when the bytes are none. */
export function toEvent(record: JournalRecord): Event {
  return fromBinary(EventSchema, record.bytes);
}

/** The lock keys an event names. */
export function keysOf({ body }: Event): readonly string[] {
  switch (body.case) {
    case "lockQueued":
    case "lockGranted":
    case "ticketEnded":
    case "lockReleased":
    case "lockLost":
    case "delayEnded":
      return body.value.targets.map((target: LockTarget) => target.key);
    default:
      return [];
  }
}

/** An event as it may leave the server: without what only the journal may know. */
export function withoutJournalOnly(event: Event): Event {
  if (event.journalOnly === undefined) return event;
  const { journalOnly: _, ...rest } = event;
  return rest;
}
