import { LockLostError } from "../errors.ts";
import type { Lock } from "./lock.ts";

/**
 * Runs `fn` under a lock and gives the lock back, whatever becomes of `fn`. A result that was computed after the
 * lock had been lost is not handed on.
 */
export async function runUnder<T>(lock: Lock, fn: (lock: Lock) => T | Promise<T>): Promise<T> {
  let settle: () => T;
  try {
    const value = await fn(lock);
    settle = () => value;
  } catch (error) {
    settle = () => {
      throw error;
    };
  }
  await lock.release();
  if (lock.state !== "LOST") return settle();
  const { reason, token } = await lock.lost;
  throw new LockLostError(lock.key, reason, token, causeOf(settle));
}

function causeOf(settle: () => unknown): ErrorOptions | undefined {
  try {
    settle();
    return undefined;
  } catch (cause) {
    return { cause };
  }
}
