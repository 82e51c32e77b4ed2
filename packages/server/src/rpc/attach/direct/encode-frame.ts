import { toBinary } from "@bufbuild/protobuf";
import {
  type AcquireResponse,
  type AppendResponse,
  type AttachReply,
  AttachReplySchema,
  type AttachResponse,
  AttachResponseSchema,
  EventSchema,
  type Granted,
  type KeepAliveResponse,
  ProtoWriter,
  type ReleaseResponse,
  type ReplyHeader,
} from "@lockstep/protocol";

const INT32_MAX = 2 ** 31 - 1;
const writer = new ProtoWriter();

/**
 * A frame in its binary form, byte for byte that of the protobuf library. The replies of which there are two for
 * every use of a lock, and those to renewals and appends, are written by hand: the library takes longer for one than
 * all the rest that a reply needs.
 */
export function encodeFrame(frame: AttachResponse): Uint8Array {
  try {
    if (frame.opened !== undefined) writeHeader(1, frame.opened);
    for (const reply of frame.replies) writeReply(reply);
    for (const event of frame.news) writer.embedded(3, toBinary(EventSchema, event));
    return writer.finish();
  } catch (error) {
    writer.finish();
    if (error instanceof RangeError) return toBinary(AttachResponseSchema, frame);
    throw error;
  }
}

function writeReply(attached: AttachReply): void {
  const { callId, reply } = attached;
  const isGranted = reply.case === "acquire" && reply.value.outcome.case === "granted";
  const isOther = reply.case === "release" || reply.case === "keepAlive" || reply.case === "append";
  if (!isGranted && !isOther) {
    writer.embedded(2, toBinary(AttachReplySchema, attached));
    return;
  }
  const message = writer.begin(2);
  writer.bigint(1, callId);
  if (reply.case === "acquire") writeGranted(reply.value);
  else if (reply.case === "release") writeReleased(reply.value);
  else if (reply.case === "keepAlive") writeRenewed(reply.value);
  else if (reply.case === "append") writeAppended(reply.value);
  writer.end(message);
}

function writeRenewed({ header, seq, sessionRevision, ttlMs }: KeepAliveResponse): void {
  const message = writer.begin(10);
  if (header !== undefined) writeHeader(1, header);
  writer.bigint(2, seq);
  writer.bigint(3, sessionRevision);
  writer.bigint(4, ttlMs);
  writer.end(message);
}

function writeGranted({ header, outcome }: AcquireResponse): void {
  const message = writer.begin(13);
  if (header !== undefined) writeHeader(1, header);
  const { holdId, token, count } = outcome.value as Granted;
  const granted = writer.begin(2);
  writer.bigint(1, holdId);
  writer.bigint(2, token);
  writer.number(3, count);
  writer.end(granted);
  writer.end(message);
}

function writeReleased({ header, outcome, lostReason, count }: ReleaseResponse): void {
  const message = writer.begin(14);
  if (header !== undefined) writeHeader(1, header);
  writer.number(2, positive(outcome));
  writer.number(3, positive(lostReason));
  writer.number(4, count);
  writer.end(message);
}

function writeAppended(appended: AppendResponse): void {
  const message = writer.begin(21);
  if (appended.header !== undefined) writeHeader(1, appended.header);
  writer.number(2, positive(appended.outcome));
  for (const { seq, duplicate } of appended.changes) {
    const change = writer.begin(3);
    writer.bigint(1, seq);
    writer.number(2, duplicate ? 1 : 0);
    writer.end(change);
  }
  writer.bigint(4, appended.lastSeq);
  writer.bigint(5, appended.headSeq);
  // Present also when it is empty, as what is repeated is.
  for (const replica of appended.appliedBy) writer.embedded(6, Buffer.from(replica));
  writer.end(message);
}

function writeHeader(field: number, { clusterId, epoch, revision }: ReplyHeader): void {
  const message = writer.begin(field);
  writer.text(1, clusterId);
  writer.bigint(2, epoch);
  writer.bigint(3, revision);
  writer.end(message);
}

/** @throws RangeError for what is left to the library */
function positive(value: number): number {
  if (value < 0 || value > INT32_MAX) throw new RangeError("not what is written here");
  return value;
}
