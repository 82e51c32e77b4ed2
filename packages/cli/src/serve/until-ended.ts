import { constants } from "node:os";
import type { ServedData } from "@lockstep/server";
import { EXIT, exitCodeOfSignal } from "../exit-codes.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Waits for the end of a server: the first signal stops it in good order, a second one ends the process
 * at once, and so does a journal that failed, because only the next start can tell what it holds.
 * @returns the exit code
 */
export async function untilEnded(server: ServedData): Promise<number> {
  const signalled = Promise.withResolvers<void>();
  let signals = 0;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(exitCodeOfSignal(constants.signals[signal]));
      signalled.resolve();
    });
  }
  void server.failed.then(() => process.exit(EXIT.stopped));
  await signalled.promise;
  await server.close();
  return EXIT.ok;
}
