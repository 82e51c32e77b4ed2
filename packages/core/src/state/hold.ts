import {
  type HoldEnd,
  type LockTarget,
  type LossReason,
  type OnLoss,
  OnLossAction,
} from "@lockstep/protocol";

/** What happens to the keys of a hold when it is lost, the keys' policies included. */
export interface LossTerms {
  readonly action: OnLossAction;
  /** How long its keys stay blocked from the loss; 0: not at all. Beside QUARANTINE only by a policy. */
  readonly delayMs: number;
}

/** The wish that a hold be released. */
export interface AskedRelease {
  readonly revision: bigint;
  readonly atMs: number;
  readonly actor: string;
  readonly reason: string;
}

/** A granted acquire: all its targets under one token. */
export interface Hold {
  readonly id: bigint;
  /** Changed by a Convert to EXCLUSIVE. */
  token: bigint;
  /** Tokens it had before, rising; at most `HOLD_TOKENS_MAX`. */
  earlierTokens: readonly bigint[];
  readonly sessionId: bigint;
  /** Of its Acquire, of those that entered it again and of its Converts, as they came; at most `HOLD_REQUESTS_MAX`. */
  requestIds: readonly bigint[];
  readonly owner: string;
  /** Changed by a Convert. */
  targets: readonly LockTarget[];
  /** How many grants it counts, at least 1. */
  count: number;
  /** How long it may be held; 0 sets no limit. */
  readonly maxHoldMs: number;
  readonly onLoss: LossTerms;
  /** What its holder publishes; gone when it is over. */
  value: Uint8Array;
  /** What its holder said of it; gone when it is over. */
  metadata: Readonly<Record<string, string>>;
  readonly grantedAtMs: number;
  readonly correlationId: string;
  /** The ticket of the Convert that waits to change it; 0 when none does. */
  convertTicketId: bigint;
  releaseAsked: AskedRelease | undefined;
  /** What became of it; UNSPECIFIED while it is held. */
  end: HoldEnd;
  /** Time served when its longest time began to be counted in the journal; undefined until it is, or without one. */
  servedFromMs: number | undefined;
  /** Volatile: when its longest time is over, on the monotonic clock; undefined until it runs, or without one. */
  heldUntilMs: number | undefined;
}

/** What is remembered of a hold that was released or given away, so that a late Release gets a true answer. */
export type PastHold = Readonly<Pick<Hold, "id" | "token" | "earlierTokens" | "sessionId" | "end">>;

/** A hold that was lost, remembered so that a late Release gets a true answer. */
export interface LostHold {
  readonly hold: Hold;
  readonly reason: LossReason;
}

/** How many request ids a hold remembers; beyond it the oldest go. */
const HOLD_REQUESTS_MAX = 1_024;

/** How many earlier tokens a hold remembers; beyond it the oldest go. */
const HOLD_TOKENS_MAX = 16;

/** What most holds publish. */
export const NO_VALUE = new Uint8Array();

/** What most holds say of themselves. */
export const NO_METADATA: Readonly<Record<string, string>> = Object.freeze({});

/** The tokens that most holds had before. */
export const NO_TOKENS: readonly bigint[] = Object.freeze([]);

/** What most holds are taken under. */
const RELEASE_ON_LOSS: LossTerms = Object.freeze({
  action: OnLossAction.RELEASE,
  delayMs: 0,
});

/** What happens to the keys of a hold that was granted like this. */
export function lossTerms(onLoss: Pick<OnLoss, "action" | "delayMs"> | undefined): LossTerms {
  if (onLoss === undefined || (onLoss.action <= OnLossAction.RELEASE && onLoss.delayMs === 0n))
    return RELEASE_ON_LOSS;
  return { action: onLoss.action, delayMs: Number(onLoss.delayMs) };
}

/** Whether a hold has this token now, or had it before. */
export function hasHadToken(hold: PastHold, token: bigint): boolean {
  return hold.token === token || hold.earlierTokens.includes(token);
}

/** Remembers one more request that was granted this hold. */
export function noteRequest(hold: Hold, requestId: bigint): void {
  const ids = [...hold.requestIds, requestId];
  hold.requestIds = ids.length > HOLD_REQUESTS_MAX ? ids.slice(1) : ids;
}

/** Gives a hold another token; the old one is still accepted by Release. */
export function renewToken(hold: Hold, token: bigint): void {
  const tokens = [...hold.earlierTokens, hold.token];
  hold.earlierTokens = tokens.length > HOLD_TOKENS_MAX ? tokens.slice(1) : tokens;
  hold.token = token;
}
