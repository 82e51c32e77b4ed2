import { create } from "@bufbuild/protobuf";
import {
  AcquireRequestSchema,
  CancelAcquireRequestSchema,
  type CancelAcquireResponse,
  CheckFenceRequestSchema,
  CloseSessionRequestSchema,
  type CloseSessionResponse,
  type Denied,
  type FenceStatus,
  ForceReleaseRequestSchema,
  type ForceReleaseResponse,
  GetLockRequestSchema,
  GetSessionRequestSchema,
  type GetSessionResponse,
  type Granted,
  KeepAliveRequestSchema,
  type KeepAliveResponse,
  type Lock,
  LockMode,
  type OnLossAction,
  OpenSessionRequestSchema,
  type OpenSessionResponse,
  type Queued,
  Reentrancy,
  ReleaseRequestSchema,
  type ReleaseResponse,
  RevokeSessionRequestSchema,
  SetPolicyRequestSchema,
} from "@lockstep/protocol";
import type { SessionCaller } from "../op.ts";
import { Refusal } from "../refusal.ts";
import type { Grant } from "../state/outcome.ts";
import type { KeyPolicy } from "../state/policies.ts";
import type { World } from "./world.ts";

/** Ids that a client says it has the final reply of: single ones or inclusive ranges. */
export type Answered = readonly (bigint | readonly [bigint, bigint])[];

/** What any call of a session may say. */
export interface CallOptions {
  readonly requestId?: bigint;
  readonly answered?: Answered;
  readonly correlationId?: string;
}

/** A key with how it is wanted; the key alone wants it EXCLUSIVE. */
export type Wanted = string | { key: string; mode: LockMode; permits?: number };

/** What an Acquire may say beside its keys. */
export interface AcquireOptions extends CallOptions {
  /** How all keys are wanted that do not say it themselves. */
  readonly mode?: LockMode;
  readonly permits?: number;
  readonly reentrancy?: Reentrancy;
  readonly maxHoldMs?: number;
  readonly onLoss?: OnLossAction;
  readonly delayMs?: number;
  readonly value?: Uint8Array;
  readonly metadata?: Record<string, string>;
  readonly deadlockPriority?: number;
  readonly waitMs?: number;
  readonly owner?: string;
  readonly pollTimeoutMs?: number;
  readonly answerQueued?: boolean;
}

/** What names a hold. */
export type Held = Pick<Grant, "holdId" | "token">;

/** How an Acquire was answered; `waiting` when no reply has left. */
export type Acquired =
  | ({ readonly case: "granted" } & Omit<Granted, "$typeName">)
  | ({ readonly case: "queued" } & Omit<Queued, "$typeName">)
  | ({ readonly case: "denied" } & Omit<Denied, "$typeName">)
  | { readonly case: "waiting"; readonly ticketId: bigint };

/** How a session is opened. */
export interface OpenOptions {
  readonly secret?: number;
  readonly ttlMs?: number;
  readonly principal?: string;
  readonly displayName?: string;
  readonly metadata?: Record<string, string>;
}

let secretsMade = 0;

/** Opens a session. */
export function open(world: World, options: OpenOptions = {}): Client {
  secretsMade += 1;
  const { secret = secretsMade + 1_000, principal = "peer" } = options;
  const { sessionId } = openReply(world, { ...options, secret });
  return new Client(world, { principal, sessionId, secretSha256: secretOf(secret) });
}

/** Sends an OpenSession. */
export function openReply(
  world: World,
  { secret = 0, ttlMs = 0, principal = "peer", displayName = "", metadata = {} }: OpenOptions,
): OpenSessionResponse {
  const request = create(OpenSessionRequestSchema, { ttlMs: BigInt(ttlMs), displayName, metadata });
  return world.reply({
    kind: "openSession",
    principal,
    secretSha256: secretOf(secret),
    request,
  });
}

/** The hash of a secret, told apart by a number. */
export function secretOf(secret: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, secret);
  return bytes;
}

/** One session's client. It numbers its requests. */
export class Client {
  readonly world: World;
  caller: SessionCaller;
  /** The id of the last request it numbered itself. */
  lastRequestId = 0n;

  constructor(world: World, caller: SessionCaller) {
    this.world = world;
    this.caller = caller;
  }

  get id(): bigint {
    return this.caller.sessionId;
  }

  acquire(wanted: Wanted | readonly Wanted[], options: AcquireOptions = {}): Acquired {
    const { waitMs = 0, pollTimeoutMs = 0, answerQueued = false, ...rest } = options;
    const { onLoss, delayMs = 0, maxHoldMs = 0 } = rest;
    const request = create(AcquireRequestSchema, {
      reentrancy: rest.reentrancy ?? Reentrancy.UNSPECIFIED,
      value: rest.value ?? new Uint8Array(),
      metadata: rest.metadata ?? {},
      deadlockPriority: rest.deadlockPriority ?? 0,
      ...this.#call(options),
      targets: targetsOf(wanted, options),
      owner: rest.owner ?? "",
      waitMs: BigInt(waitMs),
      pollTimeoutMs: BigInt(pollTimeoutMs),
      maxHoldMs: BigInt(maxHoldMs),
      ...(onLoss === undefined ? {} : { onLoss: { action: onLoss, delayMs: BigInt(delayMs) } }),
    });
    const { caller } = this;
    const { answer } = this.world.run({ kind: "acquire", caller, request, answerQueued });
    if (answer.kind === "waiting") return { case: "waiting", ticketId: answer.ticketId };
    const { outcome } = answer.reply;
    if (outcome.case === undefined) throw new Error("an Acquire was answered without an outcome");
    return { ...outcome.value, case: outcome.case } as Acquired;
  }

  /** Acquires what must be free. */
  lock(wanted: Wanted | readonly Wanted[], options: AcquireOptions = {}): Held {
    const acquired = this.acquire(wanted, options);
    if (acquired.case !== "granted") throw new Error(`${String(wanted)} was not granted`);
    return { holdId: acquired.holdId, token: acquired.token };
  }

  /** Queues for what must be taken. Returns the ticket. */
  queue(wanted: Wanted | readonly Wanted[], options: AcquireOptions = {}): bigint {
    const acquired = this.acquire(wanted, { waitMs: 600_000, ...options });
    if (acquired.case !== "waiting") throw new Error(`${String(wanted)} was not waited for`);
    return acquired.ticketId;
  }

  release({ holdId, token }: Held, options: CallOptions = {}): ReleaseResponse {
    const request = create(ReleaseRequestSchema, { ...this.#call(options), holdId, token });
    return this.world.reply({ kind: "release", caller: this.caller, request });
  }

  cancel(acquireRequestId: bigint, options: CallOptions = {}): CancelAcquireResponse {
    const request = create(CancelAcquireRequestSchema, {
      ...this.#call(options),
      acquireRequestId,
    });
    return this.world.reply({ kind: "cancelAcquire", caller: this.caller, request });
  }

  keepAlive(seenRevision = 0n, answered: Answered = [], seq = 1n): KeepAliveResponse {
    const request = create(KeepAliveRequestSchema, {
      seq,
      seenRevision,
      answered: ranges(answered),
    });
    return this.world.reply({ kind: "keepAlive", caller: this.caller, request });
  }

  close(options: CallOptions = {}): CloseSessionResponse {
    const request = create(CloseSessionRequestSchema, this.#call(options));
    return this.world.reply({ kind: "closeSession", caller: this.caller, request });
  }

  get(answered: Answered = []): GetSessionResponse {
    const request = create(GetSessionRequestSchema, { answered: ranges(answered) });
    return this.world.reply({ kind: "getSession", caller: this.caller, request });
  }

  #call({ requestId, answered = [], correlationId = "" }: CallOptions) {
    if (requestId === undefined) this.lastRequestId += 1n;
    return {
      requestId: requestId ?? this.lastRequestId,
      answered: ranges(answered),
      correlationId,
    };
  }
}

/** An operator's word. */
export function forceRelease(
  world: World,
  key: string,
  expectedToken: bigint,
  { principal = "operator", immediate = false } = {},
): ForceReleaseResponse {
  const request = create(ForceReleaseRequestSchema, {
    key,
    expectedToken,
    reason: "stuck",
    immediate,
  });
  return world.reply({ kind: "forceRelease", principal, request });
}

/** An operator ends a session. */
export function revoke(world: World, sessionId: bigint): void {
  const request = create(RevokeSessionRequestSchema, { sessionId, reason: "stuck" });
  world.reply({ kind: "revokeSession", principal: "operator", request });
}

/** An operator sets a policy; what is left out sets no bound. */
export function setPolicy(world: World, policy: Partial<KeyPolicy>): void {
  const { keyPrefix = "", permits = 0, maxWaiters = 0 } = policy;
  const { maxHoldMs = 0, lockDelayMs = 0, maxWaitMs = 0 } = policy;
  const request = create(SetPolicyRequestSchema, {
    keyPrefix,
    policy: {
      permits,
      maxWaiters,
      maxHoldMs: BigInt(maxHoldMs),
      lockDelayMs: BigInt(lockDelayMs),
      maxWaitMs: BigInt(maxWaitMs),
    },
    expectedVersion: world.state.policiesVersion,
    reason: "busy",
  });
  world.reply({ kind: "setPolicy", principal: "operator", request });
}

/** An operator removes the policy of a prefix. */
export function removePolicy(world: World, keyPrefix: string): void {
  const expectedVersion = world.state.policiesVersion;
  const request = create(SetPolicyRequestSchema, { keyPrefix, expectedVersion, reason: "calm" });
  world.reply({ kind: "setPolicy", principal: "operator", request });
}

export function checkFence(world: World, key: string, token: bigint): FenceStatus {
  const request = create(CheckFenceRequestSchema, { key, token });
  return world.reply({ kind: "checkFence", request }).status;
}

export function getLock(world: World, key: string): Lock {
  const request = create(GetLockRequestSchema, { key });
  const { lock } = world.reply({ kind: "getLock", request });
  if (lock === undefined) throw new Error(`GetLock said nothing of ${key}`);
  return lock;
}

/** The refusal of a call that must be refused. */
export function refused(call: () => unknown): Refusal {
  try {
    call();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("the call was not refused");
}

function targetsOf(
  wanted: Wanted | readonly Wanted[],
  { mode = LockMode.EXCLUSIVE, permits = 0 }: AcquireOptions,
) {
  const all = typeof wanted === "string" || "key" in wanted ? [wanted] : wanted;
  return all.map((one) => (typeof one === "string" ? { key: one, mode, permits } : one));
}

function ranges(answered: Answered) {
  return answered.map((one) =>
    typeof one === "bigint" ? { first: one, last: one } : { first: one[0], last: one[1] },
  );
}
