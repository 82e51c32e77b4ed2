import { toBinary } from "@bufbuild/protobuf";
import {
  type Appended,
  type Change,
  type Event,
  EventSchema,
  HoldTermsSchema,
  type JournaledChange,
  type JournalOnly,
  type LockGranted,
  type LockReleased,
  type LockTarget,
  ProtoWriter,
} from "@lockstep/protocol";

/** Events of which there are two for every use of a lock, or one for every append; they are written by hand. */
type Frequent = Extract<Event["body"], { case: "lockGranted" | "lockReleased" | "appended" }>;

const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const writer = new ProtoWriter();

/**
 * An event in its binary form, byte for byte that of the protobuf library. Encoding is the most expensive step
 * that the server takes for a lock, and the library takes five times as long for the most frequent events.
 */
export function encodeEvent(event: Event): Uint8Array {
  const { body, $unknown } = event;
  const frequent =
    body.case === "lockGranted" || body.case === "lockReleased" || body.case === "appended";
  if (!frequent || $unknown !== undefined || hasMore(event.journalOnly)) {
    return toBinary(EventSchema, event);
  }
  try {
    writeEvent(event, body);
    return writer.finish();
  } catch (error) {
    writer.finish();
    if (error instanceof RangeError) return toBinary(EventSchema, event);
    throw error;
  }
}

/** Whether it has any of the fields that none of the frequent events has. */
function hasMore(hidden: JournalOnly | undefined): boolean {
  return hidden !== undefined && hidden.salt.length + hidden.instance.length > 0;
}

function writeEvent(event: Event, body: Frequent): void {
  writer.number(1, number(event.revision));
  writer.number(2, number(event.decidedAtMs));
  writer.text(3, event.node);
  writer.text(4, event.actor);
  writer.text(5, event.correlationId);
  writer.text(6, event.reason);
  writer.number(7, number(event.causeRequestId));
  if (event.journalOnly !== undefined) writeJournalOnly(event.journalOnly);
  if (body.case === "lockGranted") writeGranted(body.value);
  else if (body.case === "lockReleased") writeReleased(body.value);
  else writeAppended(body.value);
}

function writeJournalOnly(hidden: JournalOnly): void {
  const { secretSha256, contentFingerprint, answered, changes } = hidden;
  const message = writer.begin(8);
  writer.bytes(1, secretSha256);
  writer.fixed64(2, contentFingerprint);
  for (const { first, last } of answered) {
    const range = writer.begin(3);
    writer.number(1, number(first));
    writer.number(2, number(last));
    writer.end(range);
  }
  for (const each of changes) writeJournaledChange(each);
  writer.end(message);
}

function writeJournaledChange(journaled: JournaledChange): void {
  const message = writer.begin(4);
  if (journaled.change !== undefined) writeChange(journaled.change);
  writer.number(2, journaled.bucket);
  writer.bytes(3, journaled.oldEntryHash);
  writer.bytes(4, journaled.entryHash);
  writer.number(5, number(journaled.oldBytes));
  writer.bytes(6, journaled.payloadHash);
  writer.end(message);
}

function writeChange(change: Change): void {
  const message = writer.begin(1);
  writer.number(1, number(change.seq));
  writer.number(2, number(change.timestampMs));
  writer.text(3, change.origin);
  writer.text(4, change.idempotencyKey);
  writer.number(5, change.schemaVersion);
  writer.text(6, change.correlationId);
  writer.number(7, change.op);
  writer.bytes(8, change.key);
  writer.bytes(9, change.value);
  writer.end(message);
}

function writeGranted(granted: LockGranted): void {
  const message = writer.begin(25);
  writer.number(1, number(granted.holdId));
  writer.number(2, number(granted.token));
  writer.number(3, number(granted.sessionId));
  writer.number(4, number(granted.requestId));
  writer.number(5, number(granted.ticketId));
  writer.text(6, granted.owner);
  writeTargets(7, granted.targets);
  if (granted.terms !== undefined) writer.embedded(8, toBinary(HoldTermsSchema, granted.terms));
  writer.number(9, number(granted.transferredFrom));
  writer.end(message);
}

function writeReleased({ holdId, token, sessionId, targets }: LockReleased): void {
  const message = writer.begin(28);
  writer.number(1, number(holdId));
  writer.number(2, number(token));
  writer.number(3, number(sessionId));
  writeTargets(4, targets);
  writer.end(message);
}

function writeAppended({ dataset, datasetId, firstSeq, lastSeq, logHash }: Appended): void {
  const message = writer.begin(47);
  writer.text(1, dataset);
  writer.number(2, number(datasetId));
  writer.number(3, number(firstSeq));
  writer.number(4, number(lastSeq));
  writer.bytes(5, logHash);
  writer.end(message);
}

function writeTargets(field: number, targets: readonly LockTarget[]): void {
  for (const { key, mode, permits } of targets) {
    const target = writer.begin(field);
    writer.text(1, key);
    writer.number(2, mode);
    writer.number(3, permits);
    writer.end(target);
  }
}

/** @throws RangeError for what is left to the library */
function number(value: bigint): number {
  if (value < 0n || value > SAFE_MAX) throw new RangeError("not what a number holds exactly");
  return Number(value);
}
