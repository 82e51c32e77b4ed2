import { toBinary } from "@bufbuild/protobuf";
import {
  type AttachReply,
  type AttachResponse,
  AttachResponseSchema,
  type KeepAliveResponse,
  ProtoWriter,
  type ReplyHeader,
} from "@lockstep/protocol";

const REPLIES = 2;
const KEEP_ALIVE = 10;
const writer = new ProtoWriter();

/**
 * A frame in its binary form, byte for byte that of the protobuf library. A frame with nothing but the reply to a
 * renewal, which an idle session gets every few seconds, is written by hand: the library needs longer for it than all
 * that the renewal does.
 */
export function encodeFrame(frame: AttachResponse): Uint8Array {
  const { opened, replies, news } = frame;
  const [only] = replies;
  if (only?.reply.case !== "keepAlive" || replies.length > 1 || news.length > 0 || opened) {
    return toBinary(AttachResponseSchema, frame);
  }
  writeRenewed(only, only.reply.value);
  return writer.finish();
}

function writeRenewed({ callId }: AttachReply, renewed: KeepAliveResponse): void {
  const reply = writer.begin(REPLIES);
  writer.bigint(1, callId);
  const message = writer.begin(KEEP_ALIVE);
  if (renewed.header !== undefined) writeHeader(renewed.header);
  writer.bigint(2, renewed.seq);
  writer.bigint(3, renewed.sessionRevision);
  writer.bigint(4, renewed.ttlMs);
  writer.end(message);
  writer.end(reply);
}

function writeHeader({ clusterId, epoch, revision }: ReplyHeader): void {
  const header = writer.begin(1);
  writer.text(1, clusterId);
  writer.bigint(2, epoch);
  writer.bigint(3, revision);
  writer.end(header);
}
