import type { Clock } from "../ports/clock.ts";
import { onAbort } from "./on-abort.ts";

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
      for (const stop of stops) stop();
      resolve();
    };
    const timer = clock.after(ms, wake);
    const stops = [listen(wake), ...signals.map((signal) => onAbort(signal, wake))];
    if (signals.some(({ aborted }) => aborted)) wake();
  });
}
