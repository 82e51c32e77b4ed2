import { create } from "@bufbuild/protobuf";
import {
  type AcquireRequest,
  type LockTarget,
  type OnLoss,
  OnLossAction,
  OnLossSchema,
  Reentrancy,
} from "@lockstep/protocol";
import { checkedMs, checkedNumber } from "../options.ts";
import type { HeldTarget, RequestRef } from "./lock.ts";
import { type LockModeName, modeOf } from "./modes.ts";

/** The server counts a longer wait as the longest it allows. */
export const WAIT_MS_MAX = 2 ** 31 - 1;
// Longest hold and longest delay that can be asked for, a year; the limits of the server are shorter.
const DURATION_MS_MAX = 366 * 24 * 3_600_000;
/** Most bytes of a value; the server's own limit `max_value_bytes`, by default 4,096, is lower. */
export const VALUE_BYTES_MAX = 128 * 1024;
/** Most characters of owner, correlation id, keys and metadata of an acquire together; the server's own limits are lower. */
export const TEXT_LENGTH_MAX = 128 * 1024;

const NO_BYTES = new Uint8Array(0);
const PERMITS_MAX = 2 ** 32 - 1;
const PRIORITY_MAX = 2 ** 31 - 1;

/** One key to lock. */
export interface LockTargetOptions {
  /** A name of 1 to 512 bytes. */
  readonly key: string;
  /** Default: that of the options; PERMITS if `permits` is given. */
  readonly mode?: LockModeName;
  /** How many permits, 1 or more; only with PERMITS. Default 1. */
  readonly permits?: number;
}

/** What to lock: a key, or several, which are granted together or not at all. */
export type LockTargets = string | LockTargetOptions | readonly (string | LockTargetOptions)[];

/** How to acquire a lock. */
export interface AcquireOptions {
  /** The mode of every key that names none. Default EXCLUSIVE, PERMITS if `permits` is given. */
  readonly mode?: LockModeName;
  /** How many permits of every key that names none, 1 or more; only with PERMITS. Default 1. */
  readonly permits?: number;
  /** How long to wait in the queue, milliseconds; 0 does not wait. Default: as long as the server allows. Counted by the server. */
  readonly waitMs?: number;
  /** Takes the request back; the call rejects with the signal's reason and leaves no waiter behind. */
  readonly signal?: AbortSignal;
  /** Who in this process asks, such as a task: an owner waits for one lock at a time. Give nested code the owner of the code around it. Default: nobody else. */
  readonly owner?: string;
  /**
   * What happens when `owner` holds a key already. `reject`: REENTRANCY. `count`: when all keys and modes are those
   * of one of its holds, that hold is entered again, under its terms and its token, and held until every handle of it
   * was released; otherwise REENTRANCY. Default `reject`.
   */
  readonly reentrancy?: "reject" | "count";
  /**
   * How long the lock may be held, milliseconds, counted by the server from the grant; then it is lost with
   * MAX_HOLD, however often the session is renewed. Default: what the policies of the keys say.
   */
  readonly maxHoldMs?: number;
  /**
   * What happens to the keys when the lock is lost, whatever the reason. `release`: they are free as soon as this
   * client must have noticed. `{ delayMs }`: they stay blocked for so long, unless the application releases the lost
   * lock earlier. `quarantine`: they stay blocked until an operator clears them. Default `release`.
   */
  readonly onLoss?: "release" | "quarantine" | { readonly delayMs: number };
  /** What others see while it is held, such as an address; at most `max_value_bytes`, 4,096. Default empty. */
  readonly value?: string | Uint8Array;
  /** Anything that helps people: at most 16 entries, key 1 to 128 bytes, value at most 512 bytes. Default none. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** In a cycle of waiters the request with the lowest priority is denied, -2^31 to 2^31 - 1. Default 0. */
  readonly deadlockPriority?: number;
  /** Stored in the events this causes, at most 128 bytes. Default empty. */
  readonly correlationId?: string;
  /** Called once, before the request is sent, with what a holder needs to hand its lock over to it; see `Lock.transfer`. */
  readonly onRequest?: (request: RequestRef) => void;
}

/** What an acquire asks for. */
export interface AcquireWish {
  readonly targets: readonly HeldTarget[];
  /** All of the request but what its session adds. */
  readonly request: AcquireRequest;
  readonly signal: AbortSignal | undefined;
  readonly onRequest: ((request: RequestRef) => void) | undefined;
}

/**
 * Checks what cannot be sent, and leaves the rest to the server, whose limits may differ.
 * @throws TypeError, RangeError
 */
export function wishOf(what: LockTargets, options: AcquireOptions): AcquireWish {
  const { waitMs = WAIT_MS_MAX, maxHoldMs = 0, deadlockPriority = 0 } = options;
  const targets = targetsOf(what, options);
  const { owner = "", correlationId = "", metadata = {}, value = "" } = options;
  checkTexts(targets, owner, correlationId, metadata);
  const counts = options.reentrancy === "count";
  // Written out, as `create` goes through the description of a message each time.
  const request: AcquireRequest = {
    $typeName: "lockstep.v1.AcquireRequest",
    requestId: 0n,
    answered: [],
    targets: targets.map(targetOf),
    owner,
    waitMs: BigInt(checkedMs("waitMs", waitMs, 0, WAIT_MS_MAX)),
    pollTimeoutMs: 0n,
    correlationId,
    reentrancy: counts ? Reentrancy.COUNT : Reentrancy.REJECT,
    maxHoldMs: BigInt(checkedMs("maxHoldMs", maxHoldMs, 0, DURATION_MS_MAX)),
    value: valueBytes(value),
    metadata: { ...metadata },
    deadlockPriority: priorityOf(deadlockPriority),
  };
  if (options.onLoss !== undefined) request.onLoss = onLossOf(options.onLoss);
  return { targets, request, signal: options.signal, onRequest: options.onRequest };
}

/** A published value as bytes. */
export function valueBytes(value: string | Uint8Array): Uint8Array {
  if (value === "") return NO_BYTES;
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  if (bytes.length <= VALUE_BYTES_MAX) return bytes;
  throw new RangeError(`a value has at most ${VALUE_BYTES_MAX} bytes, not ${bytes.length}`);
}

/** A priority among waiters. */
export function priorityOf(priority: number): number {
  return checkedNumber("deadlockPriority", priority, -PRIORITY_MAX - 1, PRIORITY_MAX);
}

function targetsOf(what: LockTargets, defaults: AcquireOptions): HeldTarget[] {
  const list = typeof what === "string" || "key" in what ? [what] : what;
  if (list.length === 0) throw new TypeError("a lock needs at least one key");
  return list.map((one) => heldTargetOf(typeof one === "string" ? { key: one } : one, defaults));
}

function heldTargetOf(own: LockTargetOptions, defaults: AcquireOptions): HeldTarget {
  const permits = own.permits ?? (own.mode === undefined ? defaults.permits : undefined);
  const fallback = permits === undefined ? "EXCLUSIVE" : "PERMITS";
  const mode = own.mode ?? (own.permits === undefined ? defaults.mode : undefined) ?? fallback;
  modeOf(mode);
  if (mode !== "PERMITS" && permits !== undefined) {
    throw new TypeError(`permits are for the mode PERMITS, not for ${mode}`);
  }
  const count = mode === "PERMITS" ? checkedNumber("permits", permits ?? 1, 1, PERMITS_MAX) : 0;
  return { key: own.key, mode, permits: count };
}

function targetOf({ key, mode, permits }: HeldTarget): LockTarget {
  return { $typeName: "lockstep.v1.LockTarget", key, mode: modeOf(mode), permits };
}

function onLossOf(onLoss: NonNullable<AcquireOptions["onLoss"]>): OnLoss {
  if (typeof onLoss === "object") {
    const delayMs = checkedMs("delayMs", onLoss.delayMs, 1, DURATION_MS_MAX);
    return create(OnLossSchema, { action: OnLossAction.DELAY, delayMs: BigInt(delayMs) });
  }
  if (onLoss === "quarantine") return create(OnLossSchema, { action: OnLossAction.QUARANTINE });
  if (onLoss === "release") return create(OnLossSchema, { action: OnLossAction.RELEASE });
  throw new TypeError(`onLoss is release, quarantine or { delayMs }, not ${String(onLoss)}`);
}

/** What is longer than any server takes must not end the stream it would be sent on. */
function checkTexts(
  targets: readonly HeldTarget[],
  owner: string,
  correlationId: string,
  metadata: Readonly<Record<string, string>>,
): void {
  let length = checkedLength(owner) + checkedLength(correlationId);
  for (const { key } of targets) length += checkedLength(key);
  for (const name of Object.keys(metadata)) {
    length += checkedLength(name) + checkedLength(metadata[name] ?? "");
  }
  if (length > TEXT_LENGTH_MAX) {
    throw new RangeError(
      `keys, owner, metadata and correlationId have at most ${TEXT_LENGTH_MAX} characters together, not ${length}`,
    );
  }
}

function checkedLength(text: string): number {
  if (text.isWellFormed()) return text.length;
  // It would be sent as another text.
  throw new TypeError(`${JSON.stringify(text)} contains an unpaired surrogate`);
}
