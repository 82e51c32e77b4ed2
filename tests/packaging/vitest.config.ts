import { lockstepTests } from "../../config/vitest.ts";

export default lockstepTests(import.meta.dirname, {
  testTimeout: 180_000,
  hookTimeout: 300_000,
});
