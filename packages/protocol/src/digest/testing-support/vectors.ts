import { ChangeOp } from "../../gen/lockstep/v1/dataset_pb.ts";
import { DigestHasher, type HashedChange } from "../hasher.ts";

export const SALT = Uint8Array.from({ length: 16 }, (_, index) => index);
export const EPOCH = 1n;
export const hasher = new DigestHasher({ salt: SALT, dataset: "ds", partition: "p0" });

/** A change of the published vectors, and the root after it, where one is published. */
export interface VectorChange {
  readonly key: Uint8Array;
  /** Absent for a delete. */
  readonly value: Uint8Array | undefined;
  readonly schemaVersion: number;
  readonly root: string | undefined;
}

/** The published changes; the first has seq 1. */
export const VECTOR_CHANGES: readonly VectorChange[] = [
  {
    key: utf8("alpha"),
    value: utf8("one"),
    schemaVersion: 1,
    root: "1b215bdec47f61b7ddf4c78e5d4ce52dad64950b8627bd013dec98d1dccba8ea",
  },
  {
    key: utf8("beta"),
    value: utf8(""),
    schemaVersion: 1,
    root: "413563885017be9a8dd578ec5166eaa505d9157b531dfba9a887254be1aa9f0e",
  },
  {
    key: Uint8Array.of(0xff, 0x00),
    value: Uint8Array.of(0x00),
    schemaVersion: 7,
    root: "fca85fcfb2f99f64fae0c345e59f23d73d4eae49deeaed4245a729eeaca731db",
  },
  { key: utf8("alpha"), value: utf8("two"), schemaVersion: 1, root: undefined },
  {
    key: utf8("beta"),
    value: undefined,
    schemaVersion: 1,
    root: "675fccd2568c71814a37de68a24cc77bfbfed9fb6ef43912733b1a9c958b5bdc",
  },
];

/** A change as it stands in the log, and the hashes of its key and value. */
export interface LoggedChange {
  readonly change: HashedChange;
  readonly keyHash: Uint8Array;
  readonly valueHash: Uint8Array | undefined;
}

/** The published changes as they stand in the log. */
export function loggedVectors(): LoggedChange[] {
  return VECTOR_CHANGES.map(({ key, value, schemaVersion }, index) => {
    const op = value === undefined ? ChangeOp.DELETE : ChangeOp.PUT;
    return loggedAt(BigInt(index + 1), op, key, value, schemaVersion);
  });
}

/** A change with what the published log says beside each. */
export function loggedAt(
  seq: bigint,
  op: ChangeOp,
  key: Uint8Array,
  value: Uint8Array | undefined,
  schemaVersion: number,
): LoggedChange {
  const change = {
    seq,
    op,
    schemaVersion,
    timestampMs: 1_700_000_000_000n + seq,
    origin: "svc-a",
    idempotencyKey: `k${seq}`,
    correlationId: "c1",
  };
  return { change, keyHash: hasher.keyHash(key), valueHash: value && hasher.valueHash(value) };
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
