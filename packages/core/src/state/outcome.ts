import type { CancelOutcome, Denied, LossReason, ReleaseOutcome } from "@lockstep/protocol";

/** What became of a request, kept until its client has confirmed that it knows. */
export type Result =
  | { readonly kind: "waiting"; readonly ticketId: bigint }
  | { readonly kind: "granted"; readonly holdId: bigint; readonly token: bigint }
  | { readonly kind: "denied"; readonly denied: Denied }
  | { readonly kind: "release"; readonly outcome: ReleaseOutcome; readonly reason: LossReason }
  | { readonly kind: "cancel"; readonly outcome: CancelOutcome; readonly grant: Grant | undefined }
  /** Cancelled before it arrived: an Acquire with this id is denied, whatever it says. */
  | { readonly kind: "refused" };

/** The two numbers of a granted lock. */
export interface Grant {
  readonly holdId: bigint;
  readonly token: bigint;
}

/** The outcome of a request id. */
export interface Outcome {
  /** Fingerprint of the request's content; 0 when any content has this outcome. */
  readonly fingerprint: bigint;
  readonly result: Result;
}
