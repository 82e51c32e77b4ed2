import type { Pending } from "../executor/namespace.ts";

/** Waits for an operation until the call is over; then nobody listens to it any more. */
export async function settle<R>(
  pending: Pick<Pending<R>, "reply" | "abandon">,
  signal: AbortSignal,
): Promise<R> {
  try {
    return await unlessAborted(pending.reply, signal);
  } catch (error) {
    if (signal.aborted) pending.abandon();
    throw error;
  }
}

/** Waits for a promise until the signal aborts; then it rejects with the signal's reason. */
export function unlessAborted<T>(wanted: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => signal.removeEventListener("abort", onAbort);
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    wanted.then(
      (value) => {
        stop();
        resolve(value);
      },
      (error) => {
        stop();
        reject(error);
      },
    );
  });
}
