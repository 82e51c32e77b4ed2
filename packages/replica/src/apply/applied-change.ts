/** Why a row changes: by a change of the log; because a snapshot was published; because it differed from the server's. */
export type Cause = "TAIL" | "SNAPSHOT" | "REPAIR";

/** A change as the user's `apply` is given it. */
export interface AppliedChange {
  readonly cause: Cause;
  readonly op: "PUT" | "DELETE";
  readonly key: Uint8Array;
  /** The value; empty with DELETE. */
  readonly value: Uint8Array;
  /** The seq of the change; of a row that the server does not have, that of the replica's position. */
  readonly seq: bigint;
  readonly schemaVersion: number;
}

/**
 * Projects a change into the user's own tables, through the handle of the same transaction. It must give the same result
 * whenever and wherever it runs: no clock, no chance. Of a DELETE the key may be absent already.
 */
export type Apply<Tx> = (change: AppliedChange, tx: Tx) => void | Promise<void>;
