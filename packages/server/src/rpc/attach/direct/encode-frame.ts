import { toBinary } from "@bufbuild/protobuf";
import {
  type AcquireResponse,
  type AttachReply,
  AttachReplySchema,
  type AttachResponse,
  AttachResponseSchema,
  EventSchema,
  type Granted,
  type ReleaseResponse,
  type ReplyHeader,
} from "@lockstep/protocol";
import { ProtoWriter } from "../../../executor/proto-writer.ts";

const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const INT32_MAX = 2 ** 31 - 1;
const writer = new ProtoWriter();

/**
 * A frame in its binary form, byte for byte that of the protobuf library. The replies of which there are two for
 * every use of a lock are written by hand, everything else by the library.
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
  if (reply.case === "release") {
    const message = writer.begin(2);
    writer.number(1, exact(callId));
    writeReleased(reply.value);
    writer.end(message);
  } else if (reply.case === "acquire" && reply.value.outcome.case === "granted") {
    const message = writer.begin(2);
    writer.number(1, exact(callId));
    writeGranted(reply.value, reply.value.outcome.value);
    writer.end(message);
  } else writer.embedded(2, toBinary(AttachReplySchema, attached));
}

function writeGranted({ header }: AcquireResponse, granted: Granted): void {
  const message = writer.begin(13);
  if (header !== undefined) writeHeader(1, header);
  const outcome = writer.begin(2);
  writer.number(1, exact(granted.holdId));
  writer.number(2, exact(granted.token));
  writer.number(3, granted.count);
  writer.end(outcome);
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

function writeHeader(field: number, { clusterId, epoch, revision }: ReplyHeader): void {
  const message = writer.begin(field);
  writer.text(1, clusterId);
  writer.number(2, exact(epoch));
  writer.number(3, exact(revision));
  writer.end(message);
}

/** @throws RangeError for what is left to the library */
function exact(value: bigint): number {
  if (value < 0n || value > SAFE_MAX) throw new RangeError("not what a number holds exactly");
  return Number(value);
}

/** @throws RangeError for what is left to the library */
function positive(value: number): number {
  if (value < 0 || value > INT32_MAX) throw new RangeError("not what is written here");
  return value;
}
