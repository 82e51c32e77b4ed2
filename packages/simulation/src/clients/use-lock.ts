import type { Lock } from "@lockstep/client";
import { LockMode } from "@lockstep/protocol";
import type { World } from "../run/world.ts";
import { attempt, GIVEN_UP } from "./attempt.ts";
import { type Life, sleep } from "./client-host.ts";

/** What an application wants with a lock. */
export interface LockWish {
  readonly key: string;
  readonly waitMs: number;
  /** How long it keeps the lock. */
  readonly holdMs: number;
  /** How often it raises the counter that the lock protects. */
  readonly writes: number;
  /** Empty: none. */
  readonly owner: string;
  /** When it gives the request up, if it still waits; -1: never. */
  readonly cancelAfterMs: number;
}

/** Takes a lock, works under it, and gives it back. */
export function useLock(world: World, life: Life, wish: LockWish): Promise<void> {
  return attempt(world, async () => {
    const lock = await acquired(life, wish);
    world.checker.watch(() =>
      world.checker.beliefs.handed({ process: life.process, lock, mode: LockMode.EXCLUSIVE }),
    );
    try {
      for (let write = 0; write < wish.writes; write++) {
        lock.assertHeld();
        await raise(world, life, lock);
      }
      await sleep(life.process, wish.holdMs);
    } finally {
      await lock.release();
    }
    if (lock.state === "LOST") world.marks.hit(`handle lost: ${(await lock.lost).reason}`);
  });
}

async function acquired(life: Life, wish: LockWish): Promise<Lock> {
  const { key, waitMs, owner, cancelAfterMs } = wish;
  const options = { waitMs, ...(owner !== "" && { owner }) };
  if (cancelAfterMs < 0) return life.client.acquire(key, options);
  const giveUp = new AbortController();
  const timer = life.process.after(cancelAfterMs, () => giveUp.abort(GIVEN_UP));
  try {
    return await life.client.acquire(key, { ...options, signal: giveUp.signal });
  } finally {
    timer.cancel();
  }
}

/** Reads, then writes one more: between the two the lock may be lost, and only the guard knows. */
async function raise(world: World, life: Life, lock: Lock): Promise<void> {
  const { sequencer } = lock;
  const read = await world.reach(life.process, () => world.resource.read(sequencer));
  await world.reach(life.process, () => world.resource.write(sequencer, read));
}
