import type { Blocker } from "@lockstep/protocol";
import type { LockModeName } from "./lock/modes.ts";

/**
 * Why a lock was lost. SESSION_EXPIRED, SESSION_CLOSED, SESSION_REVOKED, SESSION_UNKNOWN, FORCE_RELEASED and
 * MAX_HOLD are the server's word. DEADLINE_PASSED is the client's own: it could not renew in
 * time, so somebody else may hold the lock now. UNKNOWN: the server no longer lists the hold and has not said why.
 */
export type LossReason =
  | "DEADLINE_PASSED"
  | "SESSION_EXPIRED"
  | "SESSION_CLOSED"
  | "SESSION_REVOKED"
  | "SESSION_UNKNOWN"
  | "FORCE_RELEASED"
  | "MAX_HOLD"
  | "UNKNOWN";

/** The reasons this client knows. */
export const NOT_GRANTED_REASONS = [
  "CONTENDED",
  "WAIT_TIMED_OUT",
  "CANCELLED",
  "LOCK_DELAY",
  "QUEUE_FULL",
  "REENTRANCY",
  "OWNER_BUSY",
  "DEADLOCK_VICTIM",
  "KEY_QUARANTINED",
  "IDENTITY_QUARANTINED",
  "ORDER_VIOLATION",
  "LIMIT_MISMATCH",
  "UPGRADE_REFUSED",
  "NO_SUCH_WAITER",
] as const;

/** Why an acquire ended without a lock. UNKNOWN is a reason newer than this client. */
export type NotGrantedReason = (typeof NOT_GRANTED_REASONS)[number] | "UNKNOWN";

const BRANDS = Symbol.for("lockstep.error.brands");

/**
 * Everything this client rejects with, apart from the reason of your own abort signal and from
 * argument errors (TypeError, RangeError). `instanceof` also recognises errors made by another copy of this package, such as its
 * CommonJS build beside its ESM build.
 */
export class LockstepError extends Error {
  static readonly brand: string = "LockstepError";
  override readonly name: string = "LockstepError";
  readonly [BRANDS]: readonly string[];

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this[BRANDS] = brandsOf(new.target);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // `this` is the class asked about. One derived elsewhere has no brand of its own and is recognised in the ordinary way.
    // biome-ignore-start lint/complexity/noThisInStatic: the subclass is meant
    if (!Object.hasOwn(this, "brand"))
      return Function.prototype[Symbol.hasInstance].call(this, value);
    if (typeof value !== "object" || value === null) return false;
    const brands = (value as { [BRANDS]?: unknown })[BRANDS];
    return Array.isArray(brands) && brands.includes(this.brand);
    // biome-ignore-end lint/complexity/noThisInStatic: the subclass is meant
  }
}

/**
 * An acquire ended without a lock, and nothing of it remains at the server; or a conversion or transfer was denied,
 * and the lock is as it was.
 */
export class NotGrantedError extends LockstepError {
  static override readonly brand = "NotGrantedError";
  override readonly name = "NotGrantedError";
  /** The key that was asked for; of several the first. */
  readonly key: string;
  /** All keys that were asked for. */
  readonly keys: readonly string[];
  /** Why. */
  readonly reason: NotGrantedReason;
  /** Who was in the way: holders first, then earlier waiters, at most 16. May be empty. */
  readonly blockers: readonly Blocker[];
  /** When a new attempt is worth while, milliseconds; 0 means no hint. */
  readonly retryAfterMs: number;
  /** With DEADLOCK_VICTIM the requests that waited for one another, each for the next, the last for the first; otherwise empty. */
  readonly cycle: readonly Blocker[];

  constructor(
    keys: string | readonly string[],
    reason: NotGrantedReason,
    blockers: readonly Blocker[] = [],
    retryAfterMs = 0,
    cycle: readonly Blocker[] = [],
  ) {
    const all = typeof keys === "string" ? [keys] : keys;
    const names = all.map((key) => JSON.stringify(key)).join(", ");
    const hint = retryAfterMs > 0 ? `; try again in ${retryAfterMs} ms` : "";
    super(`The lock ${names} was not granted: ${reason}${ADVICE[reason] ?? ""}${hint}`);
    this.key = all[0] ?? "";
    this.keys = all;
    this.reason = reason;
    this.blockers = blockers;
    this.retryAfterMs = retryAfterMs;
    this.cycle = cycle;
  }
}

/** What to do next, where the reason alone does not say it. */
const ADVICE: Partial<Record<NotGrantedReason, string>> = {
  DEADLOCK_VICTIM: "; give back what you hold and start again, taking keys in one order everywhere",
  KEY_QUARANTINED: "; an operator has to look at what the lost holder left and clear the key",
  IDENTITY_QUARANTINED: "; an operator has to clear this principal",
  ORDER_VIOLATION: "; take keys in ascending order, or all of them in one acquire",
  LOCK_DELAY:
    "; who held it before may not know yet that it is over: a hold was lost, or a new lineage began",
  LIMIT_MISMATCH:
    "; permits need a policy of the key that offers as many, and a key with such a policy takes no other mode",
  UPGRADE_REFUSED: "; only UPGRADABLE becomes EXCLUSIVE, acquire that mode where you may need it",
  NO_SUCH_WAITER: "; that session has no such request waiting for the same keys and modes",
};

/** The lock is gone: stop touching what it protects. Its token is dead. */
export class LockLostError extends LockstepError {
  static override readonly brand = "LockLostError";
  override readonly name = "LockLostError";
  /** The key. */
  readonly key: string;
  /** Why. */
  readonly reason: LossReason;
  /** The dead fencing token. */
  readonly token: bigint;

  constructor(key: string, reason: LossReason, token: bigint, options?: ErrorOptions) {
    super(
      `The lock ${JSON.stringify(key)} (token ${token}) was lost: ${reason}. Somebody else may hold it now; acquire it again before you go on`,
      options,
    );
    this.key = key;
    this.reason = reason;
    this.token = token;
  }
}

/** The lock was given back, or away, before by its own holder. */
export class LockReleasedError extends LockstepError {
  static override readonly brand = "LockReleasedError";
  override readonly name = "LockReleasedError";
  /** The key. */
  readonly key: string;
  /** The dead fencing token. */
  readonly token: bigint;

  constructor(key: string, token: bigint) {
    super(`The lock ${JSON.stringify(key)} (token ${token}) has been released; acquire it again`);
    this.key = key;
    this.token = token;
  }
}

/** The lock is held, but not in the mode that was asked about. */
export class LockModeError extends LockstepError {
  static override readonly brand = "LockModeError";
  override readonly name = "LockModeError";
  /** The key. */
  readonly key: string;
  /** How it is held. */
  readonly mode: LockModeName;

  constructor(key: string, mode: LockModeName, wanted: LockModeName) {
    super(`The lock ${JSON.stringify(key)} is held ${mode}, not ${wanted}; convert it first`);
    this.key = key;
    this.mode = mode;
  }
}

/** The session ended while a request was under way; whatever it waited for is gone. The next acquire opens a new session. */
export class SessionLostError extends LockstepError {
  static override readonly brand = "SessionLostError";
  override readonly name = "SessionLostError";
  /** Why. */
  readonly reason: LossReason;

  constructor(reason: LossReason) {
    super(`The session was lost: ${reason}. Call again: that opens a new session`);
    this.reason = reason;
  }
}

/** The client has been closed. */
export class ClientClosedError extends LockstepError {
  static override readonly brand = "ClientClosedError";
  override readonly name = "ClientClosedError";

  constructor() {
    super("The client has been closed; connect again to go on");
  }
}

/** The server refused a request. Nothing of it was executed, unless `reason` is INTERNAL. */
export class RequestError extends LockstepError {
  static override readonly brand = "RequestError";
  override readonly name = "RequestError";
  /** The RPC code, such as `INVALID_ARGUMENT`. */
  readonly code: string;
  /** The stable reason, such as `INVALID_FIELD`; see ErrorReason in the protocol. */
  readonly reason: string;
  /** Facts about the refusal by stable names; see the reason. */
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    code: string,
    reason: string,
    message: string,
    metadata: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(`${reason}: ${message}`, options);
    this.code = code;
    this.reason = reason;
    this.metadata = metadata;
  }
}

/** The server could not be reached in time. Whether a request under way was executed is unknown. */
export class ServerUnreachableError extends LockstepError {
  static override readonly brand = "ServerUnreachableError";
  override readonly name = "ServerUnreachableError";
  /** Where the server was looked for. */
  readonly address: string;

  constructor(address: string, options?: ErrorOptions) {
    const cause = options?.cause instanceof Error ? ` (${options.cause.message.trim()})` : "";
    super(
      `No Lockstep server answers at ${address}${cause}. Check the address, and that the server runs: \`lockstep serve\``,
      options,
    );
    this.address = address;
  }
}

/**
 * An append got no answer, and it cannot be repeated, or not any longer: it may have happened or not. Give every change
 * an idempotency key; then the same append can be made again, at any time, and is written once.
 */
export class AppendOutcomeUnknownError extends LockstepError {
  static override readonly brand = "AppendOutcomeUnknownError";
  override readonly name = "AppendOutcomeUnknownError";

  constructor(options?: ErrorOptions) {
    super(
      "The append got no answer, so it may have happened or not. Read the dataset, or append the same changes again if each has an idempotency key",
      options,
    );
  }
}

function brandsOf(errorClass: unknown): readonly string[] {
  const brands: string[] = [];
  for (let at = errorClass; typeof at === "function"; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, "brand")) brands.push((at as unknown as { brand: string }).brand);
  }
  return brands;
}
