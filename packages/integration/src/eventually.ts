import { realTime } from "./real-time.ts";

const LOOK_AGAIN_MS = 20;

/**
 * Looks again and again until something is so. There is no limit: if it never becomes so, the test's own time runs
 * out, whose message names the test.
 * @param what what is waited for, for the reader
 */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  while (!(await isSo())) await realTime(LOOK_AGAIN_MS, what);
}
