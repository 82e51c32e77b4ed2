import { fromBinary } from "@bufbuild/protobuf";
import {
  type AcquireRequest,
  type AppendDurability,
  type AppendRequest,
  type AttachCall,
  type AttachRequest,
  AttachRequestSchema,
  type KeepAliveRequest,
  type NewChange,
  ProtoReader,
  type ReleaseRequest,
  UnreadError,
} from "@lockstep/protocol";
import { BYTES, field, readRange, readTarget, VARINT } from "../../../executor/proto-fields.ts";

const NO_BYTES = new Uint8Array();

/**
 * The frame of its binary form, as the protobuf library reads it: frames that hold nothing but keep-alives, acquires,
 * releases and appends of a usual kind by hand, every other one by the library.
 * @throws an error of the library when the bytes are no frame
 */
export function decodeFrame(bytes: Uint8Array): AttachRequest {
  try {
    return readFrame(new ProtoReader(bytes));
  } catch (error) {
    if (error instanceof UnreadError) return fromBinary(AttachRequestSchema, bytes);
    throw error;
  }
}

/** @throws UnreadError when there is anything that is left to the library */
export function readFrame(reader: ProtoReader): AttachRequest {
  const frame: AttachRequest = { $typeName: "lockstep.v1.AttachRequest", calls: [] };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag !== field(2, BYTES)) reader.unread();
    frame.calls.push(reader.message(readCall));
  }
  return frame;
}

function readCall(reader: ProtoReader): AttachCall {
  const call: AttachCall = {
    $typeName: "lockstep.v1.AttachCall",
    callId: 0n,
    timeoutMs: 0n,
    traceparent: "",
    request: { case: undefined },
  };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === field(1, VARINT)) call.callId = reader.bigint();
    else if (tag === field(2, VARINT)) call.timeoutMs = reader.bigint();
    else if (tag === field(3, BYTES)) call.traceparent = reader.text();
    // The library merges a message that comes twice.
    else if (call.request.case !== undefined) reader.unread();
    else if (tag === field(10, BYTES))
      call.request = { case: "keepAlive", value: keepAlive(reader) };
    else if (tag === field(13, BYTES)) call.request = { case: "acquire", value: acquire(reader) };
    else if (tag === field(14, BYTES)) call.request = { case: "release", value: release(reader) };
    else if (tag === field(21, BYTES)) call.request = { case: "append", value: append(reader) };
    else reader.unread();
  }
  return call;
}

function keepAlive(reader: ProtoReader): KeepAliveRequest {
  const request: KeepAliveRequest = {
    $typeName: "lockstep.v1.KeepAliveRequest",
    seq: 0n,
    seenRevision: 0n,
    answered: [],
  };
  reader.fields((tag) => {
    if (tag === field(2, VARINT)) request.seq = reader.bigint();
    else if (tag === field(3, VARINT)) request.seenRevision = reader.bigint();
    else if (tag === field(4, BYTES)) request.answered.push(readRange(reader));
    else reader.unread();
  });
  return request;
}

function acquire(reader: ProtoReader): AcquireRequest {
  const request: AcquireRequest = {
    $typeName: "lockstep.v1.AcquireRequest",
    requestId: 0n,
    answered: [],
    targets: [],
    owner: "",
    waitMs: 0n,
    pollTimeoutMs: 0n,
    correlationId: "",
    reentrancy: 0,
    maxHoldMs: 0n,
    value: NO_BYTES,
    metadata: {},
    deadlockPriority: 0,
  };
  reader.fields((tag) => readAcquireField(reader, request, tag));
  return request;
}

function readAcquireField(reader: ProtoReader, request: AcquireRequest, tag: number): void {
  switch (tag) {
    case field(2, VARINT):
      request.requestId = reader.bigint();
      break;
    case field(3, BYTES):
      request.answered.push(readRange(reader));
      break;
    case field(4, BYTES):
      request.targets.push(readTarget(reader));
      break;
    case field(5, BYTES):
      request.owner = reader.text();
      break;
    case field(6, VARINT):
      request.waitMs = reader.bigint();
      break;
    case field(7, VARINT):
      request.pollTimeoutMs = reader.bigint();
      break;
    case field(8, BYTES):
      request.correlationId = reader.text();
      break;
    case field(9, VARINT):
      request.reentrancy = reader.small();
      break;
    case field(10, VARINT):
      request.maxHoldMs = reader.bigint();
      break;
    case field(12, BYTES):
      request.value = reader.bytes();
      break;
    case field(14, VARINT):
      request.deadlockPriority = reader.small();
      break;
    default:
      reader.unread();
  }
}

function release(reader: ProtoReader): ReleaseRequest {
  const request: ReleaseRequest = {
    $typeName: "lockstep.v1.ReleaseRequest",
    requestId: 0n,
    answered: [],
    holdId: 0n,
    token: 0n,
    correlationId: "",
  };
  reader.fields((tag) => {
    if (tag === field(2, VARINT)) request.requestId = reader.bigint();
    else if (tag === field(3, BYTES)) request.answered.push(readRange(reader));
    else if (tag === field(4, VARINT)) request.holdId = reader.bigint();
    else if (tag === field(5, VARINT)) request.token = reader.bigint();
    else if (tag === field(6, BYTES)) request.correlationId = reader.text();
    else reader.unread();
  });
  return request;
}

function append(reader: ProtoReader): AppendRequest {
  const request: AppendRequest = {
    $typeName: "lockstep.v1.AppendRequest",
    namespace: "",
    dataset: "",
    changes: [],
    replicationTimeoutMs: 0n,
    origin: "",
    correlationId: "",
  };
  reader.fields((tag) => readAppendField(reader, request, tag));
  return request;
}

function readAppendField(reader: ProtoReader, request: AppendRequest, tag: number): void {
  switch (tag) {
    case field(1, BYTES):
      request.namespace = reader.text();
      break;
    case field(2, BYTES):
      request.dataset = reader.text();
      break;
    case field(3, BYTES):
      request.changes.push(change(reader));
      break;
    case field(5, VARINT):
      request.expectedHeadSeq = reader.bigint();
      break;
    case field(6, VARINT):
      request.sinceSeq = reader.bigint();
      break;
    case field(7, BYTES):
      // The library merges a message that comes twice.
      if (request.durability !== undefined) reader.unread();
      request.durability = durability(reader);
      break;
    case field(8, VARINT):
      request.replicationTimeoutMs = reader.bigint();
      break;
    case field(9, BYTES):
      request.origin = reader.text();
      break;
    case field(10, BYTES):
      request.correlationId = reader.text();
      break;
    default:
      reader.unread();
  }
}

function change(reader: ProtoReader): NewChange {
  const read: NewChange = {
    $typeName: "lockstep.v1.NewChange",
    op: 0,
    key: NO_BYTES,
    value: NO_BYTES,
    schemaVersion: 0,
    idempotencyKey: "",
  };
  reader.fields((tag) => {
    if (tag === field(1, VARINT)) read.op = reader.small();
    else if (tag === field(2, BYTES)) read.key = reader.bytes();
    else if (tag === field(3, BYTES)) read.value = reader.bytes();
    else if (tag === field(4, VARINT)) read.schemaVersion = reader.small();
    else if (tag === field(5, BYTES)) read.idempotencyKey = reader.text();
    else if (tag === field(6, VARINT)) read.expectedKeySeq = reader.bigint();
    else reader.unread();
  });
  return read;
}

function durability(reader: ProtoReader): AppendDurability {
  const read: AppendDurability = {
    $typeName: "lockstep.v1.AppendDurability",
    mode: 0,
    replicas: 0,
  };
  reader.fields((tag) => {
    if (tag === field(1, VARINT)) read.mode = reader.small();
    else if (tag === field(2, VARINT)) read.replicas = reader.small();
    else reader.unread();
  });
  return read;
}
