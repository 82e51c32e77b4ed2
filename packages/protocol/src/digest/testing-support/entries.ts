import fc from "fast-check";

/** Few buckets, some in one group, so that keys meet in all ways. */
const bucket = fc.constantFrom<number[]>(
  0,
  1,
  15,
  16,
  255,
  256,
  4_095,
  4_096,
  53_926,
  65_534,
  65_535,
);
/** A live key. */
export const entry = fc.record({ bucket, number: fc.nat(1_000_000) });
/** Live keys, no two with one entry hash. */
export const entries = fc.uniqueArray(entry, {
  maxLength: 40,
  selector: ({ number }) => number,
});
