import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import {
  AcquireResponseSchema,
  AppendResponseSchema,
  ConvertResponseSchema,
  GetSessionResponseSchema,
  RequestReleaseResponseSchema,
} from "@lockstep/protocol";
import type { AttachedKind, AttachedReply } from "./attached-op.ts";

// More than any reply without lists or texts from clients takes: a header, a few numbers, the call id.
const SMALL_REPLY_BYTES = 160;

/** What each change takes in the reply to an append: a seq, and whether it is a duplicate. */
const CHANGE_REPLY_BYTES = 16;

/** The replies that can be large. */
const LARGE: Partial<Record<AttachedKind, DescMessage>> = {
  append: AppendResponseSchema,
  getSession: GetSessionResponseSchema,
  acquire: AcquireResponseSchema,
  convert: ConvertResponseSchema,
  requestRelease: RequestReleaseResponseSchema,
};

/**
 * About how many bytes a reply takes in a frame. Only what can be large is measured: a reply on the hot
 * path must not be encoded twice.
 */
export function replySize(kind: AttachedKind, reply: AttachedReply): number {
  // An append that waited for no replica names none.
  if ("appliedBy" in reply && reply.appliedBy.length === 0) {
    return SMALL_REPLY_BYTES + reply.changes.length * CHANGE_REPLY_BYTES;
  }
  const schema = LARGE[kind];
  const granted = "outcome" in reply && isGranted(reply.outcome);
  if (schema === undefined || granted) return SMALL_REPLY_BYTES;
  return toBinary(schema, reply as MessageShape<typeof schema>).byteLength;
}

function isGranted(outcome: unknown): boolean {
  return (outcome as { case?: string }).case === "granted";
}
