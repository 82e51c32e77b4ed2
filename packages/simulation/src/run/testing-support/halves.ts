/** How many seeds a half has. Two files run them, each in a process of its own. */
const HALF = 500;

/** The seeds of one half of those that the tests run. */
export function* seedsOfHalf(half: 1 | 2): Generator<number> {
  for (let seed = (half - 1) * HALF + 1; seed <= half * HALF; seed++) yield seed;
}
