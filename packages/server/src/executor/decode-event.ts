import { fromBinary } from "@bufbuild/protobuf";
import {
  type Appended,
  type Change,
  type Event,
  EventSchema,
  type JournaledChange,
  type JournalOnly,
  type LockGranted,
  type LockReleased,
  ProtoReader,
  UnreadError,
} from "@lockstep/protocol";
import { readTerms } from "./decode-terms.ts";
import { BYTES, FIXED64, field, readRange, readTarget, VARINT } from "./proto-fields.ts";

const NO_BYTES = new Uint8Array();
/** The last field before the bodies, of which an event has one. */
const JOURNAL_ONLY = field(8, BYTES);

/**
 * The event of its binary form, as the protobuf library reads it: the most frequent events by hand, field by field.
 * A start and every snapshot read all that has happened since the last one.
 * @throws an error of the library when the bytes are no event
 */
export function decodeEvent(bytes: Uint8Array): Event {
  try {
    return readEvent(new ProtoReader(bytes));
  } catch (error) {
    if (error instanceof UnreadError) return fromBinary(EventSchema, bytes);
    throw error;
  }
}

function readEvent(reader: ProtoReader): Event {
  const event: Event = {
    $typeName: "lockstep.v1.Event",
    revision: 0n,
    decidedAtMs: 0n,
    node: "",
    actor: "",
    correlationId: "",
    reason: "",
    causeRequestId: 0n,
    body: { case: undefined },
  };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    // Messages that come twice are put together, or the last one is taken: only the library does that.
    const had = tag > JOURNAL_ONLY ? event.body.case : tag === JOURNAL_ONLY && event.journalOnly;
    if (had) reader.unread();
    readEventField(reader, event, tag);
  }
  if (event.body.case === undefined) reader.unread();
  return event;
}

function readEventField(reader: ProtoReader, event: Event, tag: number): void {
  switch (tag) {
    case field(1, VARINT):
      event.revision = reader.bigint();
      break;
    case field(2, VARINT):
      event.decidedAtMs = reader.bigint();
      break;
    case field(3, BYTES):
      event.node = reader.text();
      break;
    case field(4, BYTES):
      event.actor = reader.text();
      break;
    case field(5, BYTES):
      event.correlationId = reader.text();
      break;
    case field(6, BYTES):
      event.reason = reader.text();
      break;
    case field(7, VARINT):
      event.causeRequestId = reader.bigint();
      break;
    case JOURNAL_ONLY:
      event.journalOnly = readJournalOnly(reader);
      break;
    case field(25, BYTES):
      event.body = { case: "lockGranted", value: readGranted(reader) };
      break;
    case field(28, BYTES):
      event.body = { case: "lockReleased", value: readReleased(reader) };
      break;
    case field(47, BYTES):
      event.body = { case: "appended", value: readAppended(reader) };
      break;
    default:
      reader.unread();
  }
}

function readJournalOnly(reader: ProtoReader): JournalOnly {
  const hidden: JournalOnly = {
    $typeName: "lockstep.v1.JournalOnly",
    secretSha256: NO_BYTES,
    contentFingerprint: 0n,
    answered: [],
    changes: [],
    salt: NO_BYTES,
    instance: NO_BYTES,
  };
  reader.fields((tag) => {
    if (tag === field(2, FIXED64)) hidden.contentFingerprint = reader.fixed64();
    else if (tag === field(3, BYTES)) hidden.answered.push(readRange(reader));
    else if (tag === field(4, BYTES)) hidden.changes.push(readJournaledChange(reader));
    else reader.unread();
  });
  return hidden;
}

function readJournaledChange(reader: ProtoReader): JournaledChange {
  const journaled: JournaledChange = {
    $typeName: "lockstep.v1.JournaledChange",
    bucket: 0,
    oldEntryHash: NO_BYTES,
    entryHash: NO_BYTES,
    oldBytes: 0n,
    payloadHash: NO_BYTES,
  };
  reader.fields((tag) => {
    if (tag === field(1, BYTES) && journaled.change === undefined) {
      journaled.change = readChange(reader);
    } else if (tag === field(2, VARINT)) journaled.bucket = reader.small();
    else if (tag === field(3, BYTES)) journaled.oldEntryHash = reader.bytes();
    else if (tag === field(4, BYTES)) journaled.entryHash = reader.bytes();
    else if (tag === field(5, VARINT)) journaled.oldBytes = reader.bigint();
    else if (tag === field(6, BYTES)) journaled.payloadHash = reader.bytes();
    else reader.unread();
  });
  return journaled;
}

function readChange(reader: ProtoReader): Change {
  const change: Change = {
    $typeName: "lockstep.v1.Change",
    seq: 0n,
    timestampMs: 0n,
    origin: "",
    idempotencyKey: "",
    schemaVersion: 0,
    correlationId: "",
    op: 0,
    key: NO_BYTES,
    value: NO_BYTES,
  };
  reader.fields((tag) => readChangeField(reader, change, tag));
  return change;
}

function readChangeField(reader: ProtoReader, change: Change, tag: number): void {
  switch (tag) {
    case field(1, VARINT):
      change.seq = reader.bigint();
      break;
    case field(2, VARINT):
      change.timestampMs = reader.bigint();
      break;
    case field(3, BYTES):
      change.origin = reader.text();
      break;
    case field(4, BYTES):
      change.idempotencyKey = reader.text();
      break;
    case field(5, VARINT):
      change.schemaVersion = reader.small();
      break;
    case field(6, BYTES):
      change.correlationId = reader.text();
      break;
    case field(7, VARINT):
      change.op = reader.small();
      break;
    case field(8, BYTES):
      change.key = reader.bytes();
      break;
    case field(9, BYTES):
      change.value = reader.bytes();
      break;
    default:
      reader.unread();
  }
}

function readGranted(reader: ProtoReader): LockGranted {
  const granted: LockGranted = {
    $typeName: "lockstep.v1.LockGranted",
    holdId: 0n,
    token: 0n,
    sessionId: 0n,
    requestId: 0n,
    ticketId: 0n,
    owner: "",
    targets: [],
    transferredFrom: 0n,
  };
  reader.fields((tag) => readGrantedField(reader, granted, tag));
  return granted;
}

function readGrantedField(reader: ProtoReader, granted: LockGranted, tag: number): void {
  switch (tag) {
    case field(1, VARINT):
      granted.holdId = reader.bigint();
      break;
    case field(2, VARINT):
      granted.token = reader.bigint();
      break;
    case field(3, VARINT):
      granted.sessionId = reader.bigint();
      break;
    case field(4, VARINT):
      granted.requestId = reader.bigint();
      break;
    case field(5, VARINT):
      granted.ticketId = reader.bigint();
      break;
    case field(6, BYTES):
      granted.owner = reader.text();
      break;
    case field(7, BYTES):
      granted.targets.push(readTarget(reader));
      break;
    case field(8, BYTES):
      granted.terms = granted.terms === undefined ? readTerms(reader) : reader.unread();
      break;
    case field(9, VARINT):
      granted.transferredFrom = reader.bigint();
      break;
    default:
      reader.unread();
  }
}

function readReleased(reader: ProtoReader): LockReleased {
  const released: LockReleased = {
    $typeName: "lockstep.v1.LockReleased",
    holdId: 0n,
    token: 0n,
    sessionId: 0n,
    targets: [],
  };
  reader.fields((tag) => {
    if (tag === field(1, VARINT)) released.holdId = reader.bigint();
    else if (tag === field(2, VARINT)) released.token = reader.bigint();
    else if (tag === field(3, VARINT)) released.sessionId = reader.bigint();
    else if (tag === field(4, BYTES)) released.targets.push(readTarget(reader));
    else reader.unread();
  });
  return released;
}

function readAppended(reader: ProtoReader): Appended {
  const appended: Appended = {
    $typeName: "lockstep.v1.Appended",
    dataset: "",
    datasetId: 0n,
    firstSeq: 0n,
    lastSeq: 0n,
    logHash: NO_BYTES,
  };
  reader.fields((tag) => {
    if (tag === field(1, BYTES)) appended.dataset = reader.text();
    else if (tag === field(2, VARINT)) appended.datasetId = reader.bigint();
    else if (tag === field(3, VARINT)) appended.firstSeq = reader.bigint();
    else if (tag === field(4, VARINT)) appended.lastSeq = reader.bigint();
    else if (tag === field(5, BYTES)) appended.logHash = reader.bytes();
    else reader.unread();
  });
  return appended;
}
