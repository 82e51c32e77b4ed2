import type { IdRange, LockTarget, ProtoReader } from "@lockstep/protocol";

// Wire types of protobuf.
export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;

/** The tag of a field. */
export function field(number: number, wireType: number): number {
  return number * 8 + wireType;
}

/** A range of request ids, in events and in requests alike. */
export function readRange(reader: ProtoReader): IdRange {
  const range: IdRange = { $typeName: "lockstep.v1.IdRange", first: 0n, last: 0n };
  reader.fields((tag) => {
    if (tag === field(1, VARINT)) range.first = reader.bigint();
    else if (tag === field(2, VARINT)) range.last = reader.bigint();
    else reader.unread();
  });
  return range;
}

/** A target of a lock, in events and in requests alike. */
export function readTarget(reader: ProtoReader): LockTarget {
  const target: LockTarget = { $typeName: "lockstep.v1.LockTarget", key: "", mode: 0, permits: 0 };
  reader.fields((tag) => {
    if (tag === field(1, BYTES)) target.key = reader.text();
    else if (tag === field(2, VARINT)) target.mode = reader.small();
    else if (tag === field(3, VARINT)) target.permits = reader.small();
    else reader.unread();
  });
  return target;
}
