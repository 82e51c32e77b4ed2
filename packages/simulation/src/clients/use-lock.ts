import type { AcquireOptions, Client, Lock } from "@lockstep/client";
import type { World } from "../run/world.ts";
import { attempt, GIVEN_UP } from "./attempt.ts";
import { type Life, sleep } from "./client-host.ts";

type Targets = Parameters<Client["acquire"]>[0];

/** What an application wants with a lock. */
export interface LockWish {
  readonly targets: Targets;
  readonly options: Omit<AcquireOptions, "signal">;
  /** How long it keeps the lock. */
  readonly holdMs: number;
  /** When it gives the request up, if it still waits; -1: never. */
  readonly cancelAfterMs: number;
}

/** What an application does under its lock. */
export type Work = (lock: Lock) => Promise<void>;

/** Takes a lock, works under it, and gives it back. */
export function useLock(world: World, life: Life, wish: LockWish, work: Work): Promise<void> {
  return attempt(world, async () => {
    const lock = await acquired(world, life, wish);
    try {
      await work(lock);
      await sleep(life.process, wish.holdMs);
    } finally {
      await lock.release();
    }
    if (lock.state === "LOST") world.marks.hit(`handle lost: ${(await lock.lost).reason}`);
  });
}

/** Takes a lock; from here on it is watched whether its holder is right to believe in it. */
export async function acquired(world: World, life: Life, wish: LockWish): Promise<Lock> {
  const lock = await taken(life, wish);
  world.checker.watch(() => world.checker.beliefs.handed({ process: life.process, lock }));
  return lock;
}

/** Reads, then writes one more: between the two the lock may be lost, and only the guard knows. */
export async function raise(world: World, life: Life, lock: Lock): Promise<void> {
  for (const { key } of lock.targets) {
    if (lock.modeOf(key) !== "EXCLUSIVE") continue;
    lock.assertHeld();
    const sequencer = lock.sequencerOf(key);
    const read = await world.reach(life.process, () => world.resource.read(sequencer));
    await world.reach(life.process, () => world.resource.write(sequencer, read));
  }
}

/** Reads what the lock protects. */
export async function look(world: World, life: Life, lock: Lock): Promise<void> {
  for (const { key, mode } of lock.targets) {
    if (mode === "PERMITS") continue;
    lock.assertHeld();
    const sequencer = lock.sequencerOf(key);
    await world.reach(life.process, () => world.resource.read(sequencer));
  }
}

async function taken(life: Life, { targets, options, cancelAfterMs }: LockWish): Promise<Lock> {
  if (cancelAfterMs < 0) return life.client.acquire(targets, options);
  const giveUp = new AbortController();
  const timer = life.process.after(cancelAfterMs, () => giveUp.abort(GIVEN_UP));
  try {
    return await life.client.acquire(targets, { ...options, signal: giveUp.signal });
  } finally {
    timer.cancel();
  }
}
