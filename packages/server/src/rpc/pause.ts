import type { Clock } from "../ports/clock.ts";

/**
 * Settles when the time has passed, one of the signals aborts, or `listen` says so through what it is
 * given; `listen` returns the way to stop listening.
 */
export function pause(
  clock: Clock,
  ms: number,
  signals: readonly AbortSignal[],
  listen: (wake: () => void) => () => void = () => () => undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      timer.cancel();
      stopListening();
      for (const signal of signals) signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = clock.after(ms, wake);
    const stopListening = listen(wake);
    for (const signal of signals) signal.addEventListener("abort", wake);
    if (signals.some(({ aborted }) => aborted)) wake();
  });
}
