import { LockstepError } from "@lockstep/client";

/** Keys in messages: what is printable, and the rest as bytes. */
function shown(key: Uint8Array): string {
  return JSON.stringify(new TextDecoder().decode(key));
}

/** Everything a replica rejects with beside what its client and its store do. */
export class ReplicaError extends LockstepError {
  static override readonly brand: string = "ReplicaError";
  override readonly name: string = "ReplicaError";
}

/** The replica was closed by its own process. */
export class ReplicaClosedError extends ReplicaError {
  static override readonly brand = "ReplicaClosedError";
  override readonly name = "ReplicaClosedError";

  constructor() {
    super("The replica has been closed; call replicate again to go on from where it was");
  }
}

/** Another process has registered as this replica. Nothing more is applied here. */
export class ReplicaSupersededError extends ReplicaError {
  static override readonly brand = "ReplicaSupersededError";
  override readonly name = "ReplicaSupersededError";

  constructor(replica: string, options?: ErrorOptions) {
    super(
      `Another process is the replica ${JSON.stringify(replica)} now. Give each process a name of its own, or stop the other one`,
      options,
    );
  }
}

/** The log has a change that this replica must not apply, because it does not know what it means. */
export class UnknownChangeError extends ReplicaError {
  static override readonly brand = "UnknownChangeError";
  override readonly name = "UnknownChangeError";
  /** The seq of the change, or of the row of a snapshot. */
  readonly seq: bigint;

  constructor(seq: bigint, what: string) {
    super(
      `The change ${seq} has ${what}, which this replica does not know. It stops before it; start a version that knows it`,
    );
    this.seq = seq;
  }
}

/** `apply` failed on a change again and again, and the replica was told to stop then. The change is not applied. */
export class PoisonChangeError extends ReplicaError {
  static override readonly brand = "PoisonChangeError";
  override readonly name = "PoisonChangeError";
  readonly seq: bigint;
  readonly key: Uint8Array;
  /** How often it was tried. */
  readonly attempts: number;

  constructor(seq: bigint, key: Uint8Array, attempts: number, options: ErrorOptions) {
    super(
      `apply failed ${attempts} times on the change ${seq} of the key ${shown(key)}: ${messageOf(options.cause)}. Mend it and start again, or choose onPoison: "PARK"`,
      options,
    );
    this.seq = seq;
    this.key = key;
    this.attempts = attempts;
  }
}

/** A read could not be as fresh as was asked for. */
export class StaleReadError extends ReplicaError {
  static override readonly brand = "StaleReadError";
  override readonly name = "StaleReadError";
  /** Every change up to here is applied. */
  readonly appliedSeq: bigint;
  /** How stale an answer could have been, milliseconds; Infinity before the first contact with the server. */
  readonly stalenessMs: number;

  /** @param cause why nothing is followed; undefined while something is */
  constructor(wanted: string, appliedSeq: bigint, stalenessMs: number, cause: unknown) {
    const age = Number.isFinite(stalenessMs)
      ? `${Math.ceil(stalenessMs)} ms old`
      : "of unknown age";
    const why = notFollowed(cause);
    super(
      `The replica has applied seq ${appliedSeq}, which is ${age}, and not ${wanted}${why}. Wait longer, ask for less, or read at the server`,
      { cause },
    );
    this.appliedSeq = appliedSeq;
    this.stalenessMs = stalenessMs;
  }
}

/** The replica has no rows that may be read: no snapshot was published yet, or they are known to be wrong. */
export class NotReadableError extends ReplicaError {
  static override readonly brand = "NotReadableError";
  override readonly name = "NotReadableError";

  /** @param cause why nothing is followed; undefined while something is */
  constructor(why: string, cause: unknown) {
    super(
      `The replica has no rows to read: ${why}${notFollowed(cause)}. Wait for its next snapshot, or read at the server`,
      { cause },
    );
  }
}

/** What a store holds cannot be used by this version. */
export class StoreError extends ReplicaError {
  static override readonly brand = "StoreError";
  override readonly name = "StoreError";
}

function notFollowed(cause: unknown): string {
  return cause === undefined ? "" : `, and the server is not followed: ${messageOf(cause)}`;
}

/** What an error says, for people. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
