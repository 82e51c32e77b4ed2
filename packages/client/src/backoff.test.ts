import { expect, test } from "vitest";
import { BACKOFF_MS_MAX, BACKOFF_MS_MIN, backoffMs } from "./backoff.ts";

const random = (fraction: number) => ({ fraction: () => fraction, bytes: () => new Uint8Array() });

test("pauses double up to a limit, of which up to a half is left to chance", () => {
  const most = [1, 2, 3, 6, 7, 1_000].map((failures) => backoffMs(failures, random(1)));
  expect(most).toEqual([BACKOFF_MS_MIN, 100, 200, 1_600, BACKOFF_MS_MAX, BACKOFF_MS_MAX]);
  expect(backoffMs(1, random(0))).toBe(BACKOFF_MS_MIN / 2);
  expect(backoffMs(1_000, random(0), 300)).toBe(150);
});
