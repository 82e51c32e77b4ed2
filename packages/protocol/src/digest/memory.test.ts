import { expect, test, vi } from "vitest";
import { DigestAccumulator } from "./accumulator.ts";
import { entryHashAt } from "./testing-support/plain.ts";

const BUCKETS = 65_536;
const KIB = 1_024;
const MAX_BYTES = 5 * KIB * KIB;
const EMPTY_BYTES = 30 * KIB;
const BUCKET_BYTES = 136;
const FIRST_ITEMS = 16;
const hash = entryHashAt(1);

test("a digest with all buckets in use takes less than 5 MiB, its cached hashes included [DIG-20]", () => {
  const accumulator = new DigestAccumulator();
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) accumulator.update(bucket, undefined, hash);
  accumulator.root();
  expect(accumulator.byteLength).toBeLessThan(MAX_BYTES);
});

test("a bucket costs memory only once it is used", () => {
  const accumulator = new DigestAccumulator();
  expect(accumulator.byteLength).toBeLessThan(EMPTY_BYTES);
  // As far from each other as can be, so that each is alone in its group.
  for (let used = 1; used <= 4_096; used += 1) {
    accumulator.update((used - 1) * 16, undefined, hash);
    const items = Math.max(used, FIRST_ITEMS);
    expect(accumulator.byteLength).toBeLessThan(EMPTY_BYTES + 2 * items * BUCKET_BYTES);
  }
});

test("the bytes it tells are those of all the arrays it has made", () => {
  const made = new Set<ArrayBufferLike>();
  const counted = <T extends typeof Uint8Array | typeof Uint16Array | typeof Uint32Array>(
    type: T,
  ) =>
    new Proxy(type, {
      construct(target, args, newTarget) {
        const array = Reflect.construct(target, args, newTarget);
        made.add(array.buffer);
        return array;
      },
    });
  vi.stubGlobal("Uint8Array", counted(Uint8Array));
  vi.stubGlobal("Uint16Array", counted(Uint16Array));
  vi.stubGlobal("Uint32Array", counted(Uint32Array));
  try {
    const accumulator = new DigestAccumulator();
    accumulator.update(0, undefined, hash);
    const bytes = [...made].reduce((total, { byteLength }) => total + byteLength, 0);
    expect(accumulator.byteLength).toBe(bytes);
  } finally {
    vi.unstubAllGlobals();
  }
});
