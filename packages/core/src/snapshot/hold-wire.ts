import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { LockTarget, OnLoss, StoredHold } from "@lockstep/protocol";

// A snapshot is holds above all: there may be a million. Most say nothing but what is written and read
// here, field by field and without a buffer for each, in a third of the time. The bytes are those of the schema.

/** How a record begins that is a hold. */
export const HOLD_TAG = bytesField(8);

/** Fields of StoredHold that a plain one may have. */
const FIELD = {
  holdId: varintField(1),
  token: varintField(2),
  sessionId: varintField(4),
  requestIds: bytesField(5),
  owner: bytesField(6),
  targets: bytesField(7),
  count: varintField(8),
  maxHoldMs: varintField(9),
  onLoss: bytesField(10),
  grantedAtMs: varintField(13),
  correlationId: bytesField(14),
} as const;

const TARGET = { key: bytesField(1), mode: varintField(2), permits: varintField(3) } as const;

const ON_LOSS = { action: varintField(1), delayMs: varintField(2) } as const;

/** Writes the record of a plain hold; false, with nothing written, when it says more than those do. */
export function writePlainHold(writer: BinaryWriter, hold: StoredHold): boolean {
  if (!isPlain(hold)) return false;
  writer.fork().uint32(HOLD_TAG).fork();
  if (hold.holdId !== 0n) writer.uint32(FIELD.holdId).uint64(hold.holdId);
  if (hold.token !== 0n) writer.uint32(FIELD.token).uint64(hold.token);
  if (hold.sessionId !== 0n) writer.uint32(FIELD.sessionId).uint64(hold.sessionId);
  if (hold.requestIds.length > 0) {
    writer.uint32(FIELD.requestIds).fork();
    for (const id of hold.requestIds) writer.uint64(id);
    writer.join();
  }
  if (hold.owner !== "") writer.uint32(FIELD.owner).string(hold.owner);
  for (const target of hold.targets) writeTarget(writer.uint32(FIELD.targets).fork(), target);
  if (hold.count !== 0) writer.uint32(FIELD.count).uint32(hold.count);
  if (hold.maxHoldMs !== 0n) writer.uint32(FIELD.maxHoldMs).int64(hold.maxHoldMs);
  if (hold.onLoss !== undefined) writeOnLoss(writer.uint32(FIELD.onLoss).fork(), hold.onLoss);
  if (hold.grantedAtMs !== 0n) writer.uint32(FIELD.grantedAtMs).int64(hold.grantedAtMs);
  if (hold.correlationId !== "") writer.uint32(FIELD.correlationId).string(hold.correlationId);
  writer.join().join();
  return true;
}

/**
 * Reads the hold of a record that begins with `HOLD_TAG`; undefined when it says more than a plain one.
 * The reader stands at the record, which ends at `end`, and is left anywhere.
 */
export function readPlainHold(reader: BinaryReader, end: number): StoredHold | undefined {
  if (reader.uint32() !== HOLD_TAG || reader.uint32() !== end - reader.pos) return undefined;
  const hold = emptyHold();
  while (reader.pos < end) if (!readField(reader, hold)) return undefined;
  return reader.pos === end ? hold : undefined;
}

function isPlain(hold: StoredHold): boolean {
  if (hold.earlierTokens.length + hold.value.length + hold.end !== 0) return false;
  if (hold.releaseAsked !== undefined || hold.servedFromMs !== undefined) return false;
  for (const _ in hold.metadata) return false;
  return true;
}

function emptyHold(): StoredHold {
  return {
    $typeName: "lockstep.storage.v1.StoredHold",
    holdId: 0n,
    token: 0n,
    earlierTokens: [],
    sessionId: 0n,
    requestIds: [],
    owner: "",
    targets: [],
    count: 0,
    maxHoldMs: 0n,
    value: NO_BYTES,
    metadata: {},
    grantedAtMs: 0n,
    correlationId: "",
    end: 0,
  };
}

const NO_BYTES = new Uint8Array();

function readField(reader: BinaryReader, hold: StoredHold): boolean {
  switch (reader.uint32()) {
    case FIELD.holdId:
      hold.holdId = unsigned(reader);
      return true;
    case FIELD.token:
      hold.token = unsigned(reader);
      return true;
    case FIELD.sessionId:
      hold.sessionId = unsigned(reader);
      return true;
    case FIELD.requestIds:
      return readIds(reader, hold.requestIds);
    case FIELD.owner:
      hold.owner = reader.string(true);
      return true;
    case FIELD.targets:
      return readTarget(reader, hold.targets);
    case FIELD.count:
      hold.count = reader.uint32();
      return true;
    case FIELD.maxHoldMs:
      hold.maxHoldMs = signed(reader);
      return true;
    case FIELD.onLoss:
      return readOnLoss(reader, hold);
    case FIELD.grantedAtMs:
      hold.grantedAtMs = signed(reader);
      return true;
    case FIELD.correlationId:
      hold.correlationId = reader.string(true);
      return true;
    default:
      return false;
  }
}

function readIds(reader: BinaryReader, ids: bigint[]): boolean {
  const end = endOf(reader);
  while (reader.pos < end) ids.push(unsigned(reader));
  return reader.pos === end;
}

function writeTarget(writer: BinaryWriter, { key, mode, permits }: LockTarget): void {
  if (key !== "") writer.uint32(TARGET.key).string(key);
  if (mode !== 0) writer.uint32(TARGET.mode).int32(mode);
  if (permits !== 0) writer.uint32(TARGET.permits).uint32(permits);
  writer.join();
}

function readTarget(reader: BinaryReader, targets: LockTarget[]): boolean {
  const target: LockTarget = {
    $typeName: "lockstep.v1.LockTarget",
    key: "",
    mode: 0,
    permits: 0,
  };
  const end = endOf(reader);
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === TARGET.key) target.key = reader.string(true);
    else if (tag === TARGET.mode) target.mode = reader.int32();
    else if (tag === TARGET.permits) target.permits = reader.uint32();
    else return false;
  }
  targets.push(target);
  return reader.pos === end;
}

function writeOnLoss(writer: BinaryWriter, { action, delayMs }: OnLoss): void {
  if (action !== 0) writer.uint32(ON_LOSS.action).int32(action);
  if (delayMs !== 0n) writer.uint32(ON_LOSS.delayMs).int64(delayMs);
  writer.join();
}

function readOnLoss(reader: BinaryReader, hold: StoredHold): boolean {
  const onLoss: OnLoss = { $typeName: "lockstep.v1.OnLoss", action: 0, delayMs: 0n };
  const end = endOf(reader);
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === ON_LOSS.action) onLoss.action = reader.int32();
    else if (tag === ON_LOSS.delayMs) onLoss.delayMs = signed(reader);
    else return false;
  }
  hold.onLoss = onLoss;
  return reader.pos === end;
}

/** Where what begins with its length ends. */
function endOf(reader: BinaryReader): number {
  const length = reader.uint32();
  return reader.pos + length;
}

// The library gives text where there are no 64-bit integers; here there are.
function unsigned(reader: BinaryReader): bigint {
  return reader.uint64() as bigint;
}

function signed(reader: BinaryReader): bigint {
  return reader.int64() as bigint;
}

function varintField(number: number): number {
  return number << 3;
}

function bytesField(number: number): number {
  return (number << 3) | 2;
}
