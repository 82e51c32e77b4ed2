import { systemClock } from "@lockstep/client";

/** Waits so many milliseconds. */
export async function pass(ms: number): Promise<void> {
  const awake = systemClock.stayAwake();
  await new Promise<void>((resolve) => void systemClock.after(ms, resolve));
  awake.cancel();
}

/**
 * What `work` gives, unless it takes longer than `ms`.
 * @throws Error that says what has not ended
 */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: { cancel(): void } | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = systemClock.after(ms, () =>
      reject(new Error(`${what} has not ended after ${Math.round(ms)} ms`)),
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer?.cancel();
  }
}
