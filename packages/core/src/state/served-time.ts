import type { Now } from "../op.ts";
import type { Delay } from "./delay.ts";
import type { Hold } from "./hold.ts";
import { remind } from "./reminders.ts";
import type { NamespaceState } from "./state.ts";

/** How often the time served is journaled while a limit runs; the contract asks for 10 s at the least. */
export const SERVED_TIME_EVERY_MS = 5_000;

/** How long the namespace has been served by now, in all epochs together. */
export function servedMs(state: NamespaceState, now: Now): number {
  return state.servedBeforeMs + (now.monotonicMs - state.epochStartedAtMs);
}

/** Whether anything runs for which time without a server does not count. */
export function areLimitsRunning(state: NamespaceState, now: Now): boolean {
  return state.limitedHolds > 0 || state.delays.size > 0 || now.monotonicMs < state.grantsFromMs;
}

/** Sees to it that the time served is written down from now on. */
export function remindServedTime(state: NamespaceState, now: Now): void {
  if (state.isServedTimeDue) return;
  state.isServedTimeDue = true;
  remind(state, "servedTime", 0n, now.monotonicMs + SERVED_TIME_EVERY_MS);
}

/** What the journal knows to have been used up of a limit. */
export function consumedMs(state: NamespaceState, { servedFromMs }: Hold | Delay): number {
  return servedFromMs === undefined ? 0 : Math.max(0, state.servedMs - servedFromMs);
}

/** Lets the longest time of a hold run; `usedMs` of it are used up. */
export function runMaxHold(state: NamespaceState, hold: Hold, now: Now, usedMs = 0): void {
  const heldUntilMs = now.monotonicMs + hold.maxHoldMs - usedMs;
  hold.heldUntilMs = heldUntilMs;
  remind(state, "maxHold", hold.id, heldUntilMs);
  remindServedTime(state, now);
}

/**
 * Lets a delay run; `usedMs` of it are used up. `untoldMs` is when the last keep-alive, Open or start of
 * an epoch was that did not tell its client of the loss.
 */
export function runDelay(
  state: NamespaceState,
  delay: Delay,
  now: Now,
  untoldMs: number,
  usedMs = 0,
): void {
  const { confirmMs, lockDelayMs, hold } = delay;
  delay.unconfirmedUntilMs = confirmMs > 0 ? untoldMs + confirmMs - usedMs : OVER;
  delay.lockDelayUntilMs = lockDelayMs > 0 ? now.monotonicMs + lockDelayMs - usedMs : OVER;
  const endsAtMs = Math.max(delay.unconfirmedUntilMs, delay.lockDelayUntilMs);
  remind(state, "delay", hold.id, endsAtMs);
  remindServedTime(state, now);
}

const OVER = Number.NEGATIVE_INFINITY;
