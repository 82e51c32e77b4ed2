import { toBinary } from "@bufbuild/protobuf";
import {
  type AcquireRequest,
  AcquireRequestSchema,
  AppendDurabilitySchema,
  type AppendRequest,
  AppendRequestSchema,
  type AttachCall,
  AttachCallSchema,
  type AttachRequest,
  type IdRange,
  type KeepAliveRequest,
  type LockTarget,
  type NewChange,
  ProtoWriter,
  type ReleaseRequest,
  SessionRefSchema,
} from "@lockstep/protocol";

const OPEN = 1;
const CALLS = 2;
const writer = new ProtoWriter();

/**
 * A frame in its binary form, byte for byte that of the protobuf library, which takes five times as long for the calls
 * that go most often. All others are the library's.
 */
export function encodeFrame({ open, calls }: AttachRequest): Uint8Array {
  try {
    if (open !== undefined) writer.embedded(OPEN, toBinary(SessionRefSchema, open));
    for (const call of calls) writeCall(call);
  } catch (error) {
    // What was written so far must not stand before the next frame.
    writer.finish();
    throw error;
  }
  return writer.finish();
}

function writeCall(call: AttachCall): void {
  const { request } = call;
  const frequent =
    request.case === "acquire" ||
    request.case === "release" ||
    request.case === "keepAlive" ||
    request.case === "append";
  if (!frequent || ("session" in request.value && request.value.session !== undefined)) {
    writer.embedded(CALLS, toBinary(AttachCallSchema, call));
    return;
  }
  const message = writer.begin(CALLS);
  writer.bigint(1, call.callId);
  writer.bigint(2, call.timeoutMs);
  writer.text(3, call.traceparent);
  if (request.case === "acquire") writeAcquire(13, request.value);
  else if (request.case === "release") writeRelease(14, request.value);
  else if (request.case === "append") writeAppend(21, request.value);
  else writeKeepAlive(10, request.value);
  writer.end(message);
}

function writeAcquire(field: number, acquire: AcquireRequest): void {
  if (isRare(acquire)) {
    writer.embedded(field, toBinary(AcquireRequestSchema, acquire));
    return;
  }
  const message = writer.begin(field);
  writer.bigint(2, acquire.requestId);
  writeRanges(3, acquire.answered);
  for (const target of acquire.targets) writeTarget(4, target);
  writer.text(5, acquire.owner);
  writer.bigint(6, acquire.waitMs);
  writer.bigint(7, acquire.pollTimeoutMs);
  writer.text(8, acquire.correlationId);
  writer.number(9, acquire.reentrancy);
  writer.bigint(10, acquire.maxHoldMs);
  writer.bytes(12, acquire.value);
  writer.end(message);
}

/** Whether it has any of the fields that few have. */
function isRare({ onLoss, metadata, deadlockPriority }: AcquireRequest): boolean {
  if (onLoss !== undefined || deadlockPriority !== 0) return true;
  for (const _ in metadata) return true;
  return false;
}

function writeTarget(field: number, { key, mode, permits }: LockTarget): void {
  const message = writer.begin(field);
  writer.text(1, key);
  writer.number(2, mode);
  writer.number(3, permits);
  writer.end(message);
}

function writeRelease(field: number, release: ReleaseRequest): void {
  const message = writer.begin(field);
  writer.bigint(2, release.requestId);
  writeRanges(3, release.answered);
  writer.bigint(4, release.holdId);
  writer.bigint(5, release.token);
  writer.text(6, release.correlationId);
  writer.end(message);
}

function writeKeepAlive(field: number, keepAlive: KeepAliveRequest): void {
  const message = writer.begin(field);
  writer.bigint(2, keepAlive.seq);
  writer.bigint(3, keepAlive.seenRevision);
  writeRanges(4, keepAlive.answered);
  writer.end(message);
}

function writeAppend(field: number, append: AppendRequest): void {
  if (isConditional(append)) {
    writer.embedded(field, toBinary(AppendRequestSchema, append));
    return;
  }
  const message = writer.begin(field);
  writer.text(1, append.namespace);
  writer.text(2, append.dataset);
  for (const change of append.changes) writeChange(3, change);
  const { durability } = append;
  if (durability !== undefined) writer.embedded(7, toBinary(AppendDurabilitySchema, durability));
  writer.bigint(8, append.replicationTimeoutMs);
  writer.text(9, append.origin);
  writer.text(10, append.correlationId);
  writer.end(message);
}

/** Whether it has any of the fields whose presence counts, so that a zero must be written too: few have. */
function isConditional({ fence, expectedHeadSeq, sinceSeq, changes }: AppendRequest): boolean {
  if (fence !== undefined || expectedHeadSeq !== undefined || sinceSeq !== undefined) return true;
  return changes.some(({ expectedKeySeq }) => expectedKeySeq !== undefined);
}

function writeChange(field: number, change: NewChange): void {
  const message = writer.begin(field);
  writer.number(1, change.op);
  writer.bytes(2, change.key);
  writer.bytes(3, change.value);
  writer.number(4, change.schemaVersion);
  writer.text(5, change.idempotencyKey);
  writer.end(message);
}

function writeRanges(field: number, ranges: readonly IdRange[]): void {
  for (const { first, last } of ranges) {
    const message = writer.begin(field);
    writer.bigint(1, first);
    writer.bigint(2, last);
    writer.end(message);
  }
}
