import { toBinary } from "@bufbuild/protobuf";
import {
  type AcquireResponse,
  AcquireResponseSchema,
  type GetSessionResponse,
  GetSessionResponseSchema,
} from "@lockstep/protocol";
import type { AttachedKind, AttachedReply } from "./attached-op.ts";

// More than any reply without lists or texts from clients takes: a header, a few numbers, the call id.
const SMALL_REPLY_BYTES = 160;

/**
 * About how many bytes a reply takes in a frame. Only what can be large is measured: a reply on the hot
 * path must not be encoded twice.
 */
export function replySize(kind: AttachedKind, reply: AttachedReply): number {
  if (kind === "getSession") {
    return toBinary(GetSessionResponseSchema, reply as GetSessionResponse).byteLength;
  }
  if (kind === "acquire" && (reply as AcquireResponse).outcome.case === "denied") {
    return toBinary(AcquireResponseSchema, reply as AcquireResponse).byteLength;
  }
  return SMALL_REPLY_BYTES;
}
