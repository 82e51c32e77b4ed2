import type { LogPosition } from "@lockstep/protocol";

/** A place in a log: the end of a batch. */
export interface Position {
  /** The seq of the last change before it; 0 is the beginning. */
  readonly seq: bigint;
  /** The log hash after that change, 32 bytes. */
  readonly logHash: Uint8Array;
}

/** A position as it is told. */
export function positionMessage({ seq, logHash }: Position): LogPosition {
  return { $typeName: "lockstep.v1.LogPosition", seq, logHash };
}

/** A position that keeps nothing alive that it was read with. */
export function keptPosition({ seq, logHash }: Position): Position {
  return { seq, logHash: new Uint8Array(logHash) };
}
