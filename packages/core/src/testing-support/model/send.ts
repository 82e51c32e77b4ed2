import { create } from "@bufbuild/protobuf";
import {
  AcquireRequestSchema,
  type Blocker,
  CancelAcquireRequestSchema,
  CancelOutcome,
  CloseSessionRequestSchema,
  ConvertRequestSchema,
  DeniedReason,
  ErrorReason,
  type Granted,
  HoldEnd,
  KeepAliveRequestSchema,
  LockMode,
  LossReason,
  type NotHeld,
  OnLossAction,
  OpenSessionRequestSchema,
  type Queued,
  Reentrancy,
  ReleaseOutcome,
  ReleaseRequestSchema,
  SessionState,
  SetValueRequestSchema,
  TransferRequestSchema,
} from "@lockstep/protocol";
import { Refusal } from "../../refusal.ts";
import { secretBytes } from "../../state/secret-key.ts";
import type { World } from "../world.ts";
import type { AdminCall, Call, CallOf } from "./calls.ts";
import type { Target } from "./facts.ts";
import { sendAdmin } from "./send-admin.ts";

/** What the core answers, in the words of the model. */
export interface Answer {
  readonly says: string;
  /** Of an Acquire or Convert that was not granted. */
  readonly blockers?: readonly Blocker[];
  readonly queued?: Queued;
  /** Of a ForceRelease. */
  readonly remainingMs?: bigint;
}

/** Sends a call to the core. */
export function send(world: World, call: Call): Answer {
  const { revision } = world.state;
  const named = (id: bigint) => (id > revision ? "new" : String(id));
  try {
    return "answered" in call || call.kind === "open"
      ? sendOfSession(world, call, named)
      : sendAdmin(world, call, named);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const token = error.metadata.token === undefined ? "" : ` ${error.metadata.token}`;
    return { says: `refused ${ErrorReason[error.reason]}${token}` };
  }
}

/** How an id is spelt: as "new" when this call made it. */
export type Named = (id: bigint) => string;

function sendOfSession(world: World, call: Exclude<Call, AdminCall>, named: Named): Answer {
  if (call.kind === "open") {
    const request = create(OpenSessionRequestSchema, { ttlMs: BigInt(call.ttlMs) });
    const secretSha256 = secretOf(call.secret);
    const { principal } = call;
    const reply = world.reply({ kind: "openSession", principal, secretSha256, request });
    return { says: `session ${named(reply.sessionId)}` };
  }
  const caller = callerOf(world, call.sessionId);
  const common = { answered: call.answered.map((id) => ({ first: id, last: id })) };
  if (call.kind === "keepAlive") {
    const request = create(KeepAliveRequestSchema, { ...common, seenRevision: call.seen, seq: 1n });
    const reply = world.reply({ kind: "keepAlive", caller, request });
    return { says: `alive ${reply.sessionRevision}` };
  }
  const base = { ...common, requestId: call.requestId };
  switch (call.kind) {
    case "acquire":
    case "convert":
      return sendWaiting(world, call, base, named);
    case "release": {
      const { holdId, token } = call;
      const request = create(ReleaseRequestSchema, { ...base, holdId, token });
      const { outcome, lostReason, count } = world.reply({ kind: "release", caller, request });
      const reason = lostReason === LossReason.UNSPECIFIED ? "" : ` ${LossReason[lostReason]}`;
      return { says: `release ${ReleaseOutcome[outcome]}${reason}${count > 0 ? ` ${count}` : ""}` };
    }
    case "cancel": {
      const { acquireRequestId } = call;
      const request = create(CancelAcquireRequestSchema, { ...base, acquireRequestId });
      const { outcome, granted } = world.reply({ kind: "cancelAcquire", caller, request });
      const grant = granted === undefined ? "" : ` ${grantOf(granted, named)}`;
      return { says: `cancel ${CancelOutcome[outcome]}${grant}` };
    }
    case "close": {
      const request = create(CloseSessionRequestSchema, base);
      const { state } = world.reply({ kind: "closeSession", caller, request });
      return { says: `closed ${SessionState[state]}` };
    }
    default:
      return sendAboutHold(world, call, base, named);
  }
}

type Base = { readonly requestId: bigint; readonly answered: { first: bigint; last: bigint }[] };

function sendWaiting(
  world: World,
  call: CallOf<"acquire"> | CallOf<"convert">,
  base: Base,
  named: Named,
): Answer {
  const caller = callerOf(world, call.sessionId);
  const { answerQueued, priority: deadlockPriority } = call;
  const common = { ...base, deadlockPriority, waitMs: BigInt(call.waitMs) };
  const { answer } =
    call.kind === "acquire"
      ? world.run({ kind: "acquire", caller, answerQueued, request: acquireOf(call, common) })
      : world.run({ kind: "convert", caller, answerQueued, request: convertOf(call, common) });
  if (answer.kind === "waiting") return { says: `waiting ${named(answer.ticketId)}` };
  const { outcome } = answer.reply;
  switch (outcome.case) {
    case "granted":
      return { says: grantOf(outcome.value, named) };
    case "queued":
      return {
        says: `waiting ${named(outcome.value.ticketId)}`,
        blockers: outcome.value.blockers,
        queued: outcome.value,
      };
    case "denied":
      return {
        says: `denied ${DeniedReason[outcome.value.reason]}`,
        blockers: outcome.value.blockers,
      };
    case "notHeld":
      return { says: notHeldOf(outcome.value) };
    default:
      throw new Error(`a ${call.kind} was answered without an outcome`);
  }
}

function sendAboutHold(
  world: World,
  call: CallOf<"transfer"> | CallOf<"setValue">,
  base: Base,
  named: Named,
): Answer {
  const caller = callerOf(world, call.sessionId);
  const common = { ...base, holdId: call.holdId, token: call.token };
  if (call.kind === "setValue") {
    const value = new TextEncoder().encode(call.value);
    const request = create(SetValueRequestSchema, { ...common, value });
    const { notHeld } = world.reply({ kind: "setValue", caller, request });
    return { says: notHeld === undefined ? "set" : notHeldOf(notHeld) };
  }
  const { toSessionId, toRequestId } = call;
  const request = create(TransferRequestSchema, { ...common, toSessionId, toRequestId });
  const { outcome } = world.reply({ kind: "transfer", caller, request });
  if (outcome.case === "granted") return { says: grantOf(outcome.value, named) };
  if (outcome.case === "notHeld") return { says: notHeldOf(outcome.value) };
  if (outcome.case === undefined) throw new Error("a transfer was answered without an outcome");
  return { says: `denied ${DeniedReason[outcome.value.reason]}` };
}

function acquireOf(call: CallOf<"acquire">, common: object) {
  const { targets, owner, count, terms } = call;
  return create(AcquireRequestSchema, {
    ...common,
    targets: targets.map(targetOf),
    owner,
    reentrancy: count ? Reentrancy.COUNT : Reentrancy.REJECT,
    maxHoldMs: BigInt(terms.maxHoldMs),
    onLoss: { action: OnLossAction[terms.onLoss], delayMs: BigInt(terms.delayMs) },
    value: new TextEncoder().encode(terms.value),
  });
}

function convertOf({ holdId, token, key, mode }: CallOf<"convert">, common: object) {
  return create(ConvertRequestSchema, { ...common, holdId, token, key, mode: LockMode[mode] });
}

function targetOf({ key, mode, permits }: Target) {
  return { key, mode: LockMode[mode], permits };
}

function grantOf({ holdId, token, count }: Granted, named: Named): string {
  return `granted ${named(holdId)} ${named(token)} ${count}`;
}

function notHeldOf({ end, lostReason }: NotHeld): string {
  const reason = lostReason === LossReason.UNSPECIFIED ? "" : ` ${LossReason[lostReason]}`;
  return `not-held ${HoldEnd[end]}${reason}`;
}

function callerOf(world: World, sessionId: bigint) {
  const session = world.state.sessions.get(sessionId);
  const principal = session?.principal ?? "";
  const proof = session === undefined ? undefined : secretBytes(session.secretKey);
  return { principal, sessionId, secretSha256: proof };
}

function secretOf(secret: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, secret);
  return bytes;
}
