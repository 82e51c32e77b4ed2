import type { LockTarget } from "@lockstep/protocol";
import { queueLength } from "../state/key.ts";
import type { NamespaceState } from "../state/state.ts";

const HINT_MS_MIN = 10;
const HINT_MS_MAX = 60_000;

/** A hint moves by up to this part of itself, so that those denied together do not come back together. */
const JITTER = 0.25;

/** When a new attempt for taken keys is worth while: after as many hold times as stand in the longest queue, and one. */
export function retryAfterMs(
  state: NamespaceState,
  targets: readonly LockTarget[],
  sessionId: bigint,
  requestId: bigint,
): number {
  const turns = longestQueue(state, targets) + 1;
  const spread = 1 + JITTER * (2 * chance(state.revision, sessionId, requestId) - 1);
  return clamp(state.holdTimes.averageMs * turns) * spread;
}

/** The length of the longest of several keys' queues. */
export function longestQueue(state: NamespaceState, targets: readonly LockTarget[]): number {
  let longest = 0;
  for (const { key } of targets) {
    const record = state.keys.get(key);
    if (record !== undefined) longest = Math.max(longest, queueLength(record));
  }
  return longest;
}

function clamp(ms: number): number {
  return Math.min(HINT_MS_MAX / (1 + JITTER), Math.max(HINT_MS_MIN / (1 - JITTER), ms));
}

/** A number from 0 to 1 that looks like chance and is the same each time. */
function chance(...numbers: readonly bigint[]): number {
  let hash = 0x9e3779b9;
  for (const number of numbers) {
    hash = Math.imul(hash ^ Number(number & 0xffff_ffffn), 0x85ebca6b);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0xc2b2ae35);
    hash ^= hash >>> 13;
  }
  return (hash >>> 0) / 0xffff_ffff;
}
