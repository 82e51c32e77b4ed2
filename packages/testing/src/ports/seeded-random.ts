import type { Random } from "@lockstep/client";

/** Chance that is the same in every run, for tests only. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  // A multiplicative step over 32 bits, its upper bits mixed into the lower ones.
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 16), 0x45d9f3b);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  return {
    fraction: () => next() / 2 ** 32,
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
  };
}
