import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "./ports/clock.ts";

/**
 * Runs a call that has so much time, on the client's own clock.
 * @param signal also ends it, with the signal's own reason
 */
export async function withTimeout<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const onAbort = () => controller.abort();
  signal?.addEventListener("abort", onAbort, { once: true });
  let timedOut = false;
  const timer = clock.after(ms, () => {
    timedOut = true;
    controller.abort();
  });
  try {
    return await call(controller.signal);
  } catch (error) {
    signal?.throwIfAborted();
    // Without a reason of the protocol this counts as a fault of the transport.
    if (timedOut) throw new ConnectError(`no answer within ${ms} ms`, Code.Unavailable);
    throw error;
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}
