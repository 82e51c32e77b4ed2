import type { Lock, LockHolder } from "@lockstep/protocol";
import { NO_VALUE } from "../state/hold.ts";
import { delayBytes, holderBytes, lockBytes, PageRoom, waiterBytes } from "./page-room.ts";

/**
 * Shortens a key of which there is more to tell than fits into a reply: first what its holders publish
 * goes, then of holders, delays and waiters those that come last. How many there are is told all the same.
 */
export function fitted(lock: Lock, maxResponseBytes: number): Lock {
  if (new PageRoom(maxResponseBytes).fits(lockBytes(lock))) return lock;
  const { key, holders, delays, queue } = lock;
  const room = new PageRoom(maxResponseBytes);
  room.take(lockBytes({ ...lock, key, holders: [], delays: [], queue: [] }));
  const short = holders.map(shortened);
  lock.holders = short.slice(0, prefixThatFits(short, holderBytes, room));
  lock.delays = delays.slice(0, prefixThatFits(delays, delayBytes, room));
  lock.queue = queue.slice(0, prefixThatFits(queue, waiterBytes, room));
  return lock;
}

function shortened(holder: LockHolder): LockHolder {
  return { ...holder, value: NO_VALUE, metadata: {} };
}

function prefixThatFits<T>(all: readonly T[], bytesOf: (one: T) => number, room: PageRoom): number {
  let fitting = 0;
  while (fitting < all.length && room.take(bytesOf(all[fitting] as T))) fitting += 1;
  return fitting;
}
