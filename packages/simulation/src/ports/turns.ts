/**
 * Lets everything happen that needs no event of the simulation: all promise jobs, however many follow
 * from each other, run before the next turn of the real event loop.
 */
export function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
