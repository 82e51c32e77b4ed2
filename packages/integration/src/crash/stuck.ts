import { realTime } from "../real-time.ts";
import type { Records } from "./records.ts";

// Far longer than any time to live: whoever is not granted a lock by then never will be.
const NOTHING_HAPPENS_MS = 60_000;
const LOOK_EVERY_MS = 250;

/**
 * Waits for something that needs locks to be granted.
 * @throws Error when nothing is granted any more, with the problems so far: a run must end with a verdict
 */
export async function unlessStuck(
  records: Records,
  what: string,
  done: Promise<unknown>,
): Promise<void> {
  let isDone = false;
  const settled = done.finally(() => {
    isDone = true;
  });
  await Promise.race([settled, lookForProgress(records, what, () => isDone)]);
  await settled;
}

async function lookForProgress(
  records: Records,
  what: string,
  isDone: () => boolean,
): Promise<void> {
  let seen = records.holds.length;
  let sinceMs = performance.now();
  while (!isDone()) {
    await realTime(LOOK_EVERY_MS, "for a lock to be granted");
    if (records.holds.length > seen) {
      seen = records.holds.length;
      sinceMs = performance.now();
    } else if (!isDone() && performance.now() - sinceMs >= NOTHING_HAPPENS_MS) {
      const problems = records.problems.join("\n");
      throw new Error(
        `while waiting for ${what}, nothing was granted for ${NOTHING_HAPPENS_MS} ms. Problems so far:\n${problems}`,
      );
    }
  }
}
