import { create } from "@bufbuild/protobuf";
import {
  CheckFenceRequestSchema,
  FenceStatus,
  GetLockRequestSchema,
  GetWaitGraphRequestSchema,
  KeyState,
  ListLocksRequestSchema,
  type Lock,
  LockMode,
  LossReason,
} from "@lockstep/protocol";
import type { World } from "../world.ts";
import { KEYS } from "./actions.ts";
import { BLOCKERS_MAX } from "./check-hints.ts";
import { asker, inTheWay } from "./conflicts.ts";
import { textOf } from "./describe.ts";
import { type Facts, type ModelDelay, type ModelHold, must, type Target } from "./facts.ts";
import { endsOf, noteShown } from "./limit.ts";
import {
  delayEnds,
  delaysOf,
  holdersOf,
  partsOf,
  policyOf,
  queueOf,
  targetFor,
} from "./lookups.ts";

/** Reads every key and compares it with what the model knows. */
export function compareLocks(world: World, facts: Facts): void {
  for (const key of KEYS) {
    const request = create(GetLockRequestSchema, { key });
    const { lock } = world.reply({ kind: "getLock", request });
    if (lock === undefined) throw new Error(`GetLock said nothing of ${key}`);
    compareLock(world, facts, lock);
  }
  const { locks } = world.reply({ kind: "listLocks", request: create(ListLocksRequestSchema) });
  const used = KEYS.filter((key) => isUsed(facts, key));
  same(
    locks.map(({ key }) => key),
    used,
    "ListLocks lists every key in use",
  );
  compareGraph(world, facts);
}

function compareLock(world: World, facts: Facts, lock: Lock): void {
  const { key } = lock;
  const quarantine = facts.quarantinedKeys.get(key);
  same(KeyState[lock.state], stateOf(facts, key), `${key} has its state`);
  compareHolders(world, holdersOf(facts, key), lock);
  compareDelays(world, delaysOf(facts, key), lock);
  compareQueue(facts, lock);
  same(lock.quarantine?.revision, quarantine?.revision, `${key} has its quarantine`);
}

function stateOf(facts: Facts, key: string): keyof typeof KeyState {
  if (holdersOf(facts, key).length > 0) return "HELD";
  if (facts.quarantinedKeys.has(key)) return "QUARANTINED";
  return delaysOf(facts, key).length > 0 ? "DELAYED" : "FREE";
}

function compareHolders(world: World, expected: readonly ModelHold[], lock: Lock): void {
  const { key, holders } = lock;
  same(
    holders.map((one) => [
      one.holdId,
      one.token,
      one.sessionId,
      one.owner,
      LockMode[one.mode],
      one.permits,
      one.count,
      textOf(one.value),
      one.releaseAsked?.revision ?? 0n,
    ]),
    expected.map((hold) => holderLine(hold, key)),
    `${key} has its holders`,
  );
  const nowMs = world.monotonicMs;
  for (const [at, { maxHold, token }] of expected.entries()) {
    const shownMs = Number(holders[at]?.maxHoldRemainingMs);
    if (maxHold === undefined) must(shownMs === 0, "a hold without limit has no end");
    // 0 would say that there is no limit.
    else if (shownMs !== 1 || endsOf(maxHold).fromMs > nowMs) noteShown(maxHold, shownMs, nowMs);
    must(isCurrent(world, key, token), "the token of a holder is current");
  }
}

function compareDelays(world: World, expected: readonly ModelDelay[], lock: Lock): void {
  const { key, delays } = lock;
  same(
    delays.map((one) => [
      one.holdId,
      one.token,
      one.sessionId,
      LossReason[one.reason],
      LockMode[one.mode],
      one.permits,
    ]),
    expected.map((delay) => delayLine(delay, key)),
    `${key} has its delays`,
  );
  const nowMs = world.monotonicMs;
  for (const [at, delay] of expected.entries()) {
    checkUnconfirmed(delay, delays[at]?.unconfirmed === true, nowMs);
    noteDelay(delay, Number(delays[at]?.remainingMs), nowMs);
  }
}

function compareQueue(facts: Facts, { key, queue, queueLength }: Lock): void {
  same(
    queue.map(({ ticketId, sessionId, owner, holdId, mode }) => [
      ...[ticketId, sessionId, owner, holdId],
      LockMode[mode],
    ]),
    queueOf(facts, key).map(({ id, sessionId, owner, holdId, targets }) => [
      ...[id, sessionId, owner, holdId],
      targetFor(targets, key)?.mode,
    ]),
    `${key} has its queue`,
  );
  must(queueLength === queue.length, "all who wait are counted");
}

function holderLine(hold: ModelHold, key: string): unknown[] {
  const { mode, permits } = targetFor(hold.targets, key) as Target;
  const { id, token, sessionId, owner, count, terms, askedRevision } = hold;
  return [id, token, sessionId, owner, mode, permits, count, terms.value, askedRevision];
}

function delayLine({ hold, reason }: ModelDelay, key: string): unknown[] {
  const { mode, permits } = targetFor(hold.targets, key) as Target;
  return [hold.id, hold.token, hold.sessionId, reason, mode, permits];
}

/** The client may believe for as long as it has neither confirmed nor run out of time. */
function checkUnconfirmed({ confirm, confirmed }: ModelDelay, shown: boolean, nowMs: number): void {
  const ends = confirm === undefined || confirmed ? undefined : endsOf(confirm);
  if (ends === undefined || nowMs >= ends.untilMs) must(!shown, "nobody believes any more");
  else if (nowMs < ends.fromMs) must(shown, "a client may still believe that it holds");
}

function noteDelay(delay: ModelDelay, shownMs: number, nowMs: number): void {
  const parts = partsOf(delay);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) {
    noteShown(only, shownMs, nowMs);
    return;
  }
  const { fromMs, untilMs } = delayEnds(delay);
  const fits =
    shownMs >= Math.ceil(fromMs - nowMs) && shownMs <= Math.max(0, Math.ceil(untilMs - nowMs));
  must(fits, `a delay ends at its time: ${shownMs} ms are left`);
  for (const part of parts)
    if (parts.every((one) => one === part || endsOf(one).untilMs < nowMs + shownMs - 1))
      noteShown(part, shownMs, nowMs);
}

function compareGraph(world: World, facts: Facts): void {
  const request = create(GetWaitGraphRequestSchema);
  const { waits } = world.reply({ kind: "getWaitGraph", request });
  const shown = new Set<string>();
  for (const { waiter, waitsFor } of waits) {
    if (waiter === undefined) throw new Error("a wait has no waiter");
    must(waitsFor.length <= BLOCKERS_MAX, "so many blockers are not shown");
    for (const one of waitsFor)
      shown.add(`${waiter.ticketId} ${waiter.key} ${one.ticketId || one.holdId}`);
  }
  const [least, most] = [new Set<string>(), new Set<string>()];
  for (const ticket of facts.tickets.values()) {
    const all = inTheWay(facts, asker(facts, ticket));
    for (const one of all) {
      const line = `${ticket.id} ${one.key} ${one.id}`;
      most.add(line);
      // Which ones are shown of more is open.
      if (all.filter(({ key }) => key === one.key).length > BLOCKERS_MAX) continue;
      if (one.kind !== "delay" && policyOf(facts, one.key).permits <= 1) least.add(line);
    }
  }
  for (const line of least) must(shown.has(line), `the graph shows that ${line}`);
  for (const line of shown) must(most.has(line), `the graph shows ${line}, which is not so`);
}

function isUsed(facts: Facts, key: string): boolean {
  const all = [...holdersOf(facts, key), ...delaysOf(facts, key), ...queueOf(facts, key)];
  return all.length > 0 || facts.quarantinedKeys.has(key);
}

function isCurrent(world: World, key: string, token: bigint): boolean {
  const request = create(CheckFenceRequestSchema, { key, token });
  return world.reply({ kind: "checkFence", request }).status === FenceStatus.CURRENT;
}

/** Throws when two things are not spelt alike. */
export function same(actual: unknown, expected: unknown, rule: string): void {
  const [one, other] = [JSON.stringify(actual, big), JSON.stringify(expected, big)];
  if (one !== other) throw new Error(`broken: ${rule}: ${one}, not ${other}`);
}

function big(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}
