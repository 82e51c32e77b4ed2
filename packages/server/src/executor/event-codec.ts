import type { Event, LockTarget } from "@lockstep/protocol";
import type { JournalRecord } from "../journal/journal.ts";
import { decodeEvent } from "./decode-event.ts";
import { encodeEvent } from "./encode-event.ts";

/** An event as the journal keeps it, with the keys it can be found by. */
export function toRecord(event: Event): JournalRecord {
  return { revision: event.revision, bytes: encodeEvent(event), keys: keysOf(event) };
}

/** The event of a record. Throws when the bytes are none. */
export function toEvent(record: JournalRecord): Event {
  return decodeEvent(record.bytes);
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
    case "holdCountChanged":
    case "holdTransferred":
    case "holdValueSet":
    case "releaseRequested":
      return body.value.targets.map((target: LockTarget) => target.key);
    case "convertQueued":
    case "holdConverted":
      return body.value.target === undefined ? [] : [body.value.target.key];
    case "keyQuarantineCleared":
      return [body.value.key];
    default:
      return [];
  }
}

/** Whether an event is about a session: what it says of itself, of what it holds and of what it waits for. */
export function isAbout({ body }: Event, sessionId: bigint): boolean {
  if (body.case === undefined) return false;
  const { value } = body;
  if ("toSessionId" in value && value.toSessionId === sessionId) return true;
  return "sessionId" in value && value.sessionId === sessionId;
}

/** Whether an event is about a dataset of this name, or about a replica of one. */
export function isOfDataset({ body }: Event, dataset: string): boolean {
  return body.case !== undefined && "dataset" in body.value && body.value.dataset === dataset;
}

/** An event as it may leave the server: without what only the journal may know. */
export function withoutJournalOnly(event: Event): Event {
  if (event.journalOnly === undefined) return event;
  const { journalOnly: _, ...rest } = event;
  return rest;
}
