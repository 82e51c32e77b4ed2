/**
 * Waits in real time. Only tests of real processes may wait, and only here: a stopped process or a
 * lease that runs out on another machine's clock cannot be told to hurry. Such tests assert safety and
 * order, never elapsed time.
 *
 * @param ms how long to wait, in milliseconds
 * @param why what has to happen in another process meanwhile; it stands in the test, for its reader
 */
export function realTime(ms: number, why: string): Promise<void> {
  if (why === "") throw new Error("realTime: say what the test is waiting for");
  return new Promise((resolve) => setTimeout(resolve, ms));
}
