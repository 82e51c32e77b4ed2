import {
  type AcquireRequest,
  type AppendRequest,
  type AttachCall,
  DEFAULT_LIMITS,
} from "@lockstep/protocol";

/** Most bytes of a frame, unless a single call is larger. */
export const FRAME_BYTES_MAX = DEFAULT_LIMITS.max_frame_bytes;

// More than the fixed fields of any call take, tags and lengths included.
const FIXED_BYTES = 160;
// Two uint64 of at most ten bytes, each with its tag, and the range's own tag and length.
const RANGE_BYTES = 24;
// More than tags, lengths and numbers of a target or an entry of metadata take.
const ITEM_BYTES = 32;
// Tags, lengths and numbers of a change, and of what it expects.
const CHANGE_BYTES = 64;
const UTF8_BYTES_PER_UNIT_MAX = 3;

/** Cuts calls, in their order, into frames that stay below FRAME_BYTES_MAX but hold at least one call. */
export function* cutFrames(calls: readonly AttachCall[]): Generator<AttachCall[]> {
  let frame: AttachCall[] = [];
  let bytes = 0;
  for (const call of calls) {
    const size = sizeAtMost(call);
    if (frame.length > 0 && bytes + size > FRAME_BYTES_MAX) {
      yield frame;
      frame = [];
      bytes = 0;
    }
    frame.push(call);
    bytes += size;
  }
  if (frame.length > 0) yield frame;
}

/** An upper bound of an append's encoded size. */
export function appendSizeAtMost({
  dataset,
  namespace,
  origin,
  correlationId,
  fence,
  changes,
}: AppendRequest): number {
  const fenceUnits = fence?.key.length ?? 0;
  let units = dataset.length + namespace.length + origin.length + correlationId.length + fenceUnits;
  let bytes = FIXED_BYTES;
  for (const { key, value, idempotencyKey } of changes) {
    bytes += CHANGE_BYTES + key.length + value.length;
    units += idempotencyKey.length;
  }
  return bytes + units * UTF8_BYTES_PER_UNIT_MAX;
}

/** An upper bound of a call's encoded size: encoding it twice would cost more than the rest of its way. */
function sizeAtMost({ request }: AttachCall): number {
  if (request.case === "acquire") return acquireSizeAtMost(request.value);
  if (request.case === "append") return appendSizeAtMost(request.value);
  if (request.case === undefined) return FIXED_BYTES;
  const { value } = request;
  let bytes = FIXED_BYTES;
  let units = 0;
  if ("correlationId" in value) units += value.correlationId.length;
  if ("answered" in value) bytes += value.answered.length * RANGE_BYTES;
  if (request.case === "setValue") bytes += request.value.value.length;
  if (request.case === "ack") units += request.value.dataset.length + request.value.replica.length;
  if (request.case === "convert") units += request.value.key.length;
  return bytes + units * UTF8_BYTES_PER_UNIT_MAX;
}

function acquireSizeAtMost(acquire: AcquireRequest): number {
  const { owner, correlationId, answered, targets, value, metadata } = acquire;
  let bytes = FIXED_BYTES + value.length + answered.length * RANGE_BYTES;
  let units = owner.length + correlationId.length;
  for (const { key } of targets) {
    bytes += ITEM_BYTES;
    units += key.length;
  }
  for (const name in metadata) {
    bytes += ITEM_BYTES;
    units += name.length + (metadata[name]?.length ?? 0);
  }
  return bytes + units * UTF8_BYTES_PER_UNIT_MAX;
}
