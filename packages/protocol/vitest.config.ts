import { lockstepTests } from "../../config/vitest.ts";

export default lockstepTests(import.meta.dirname, {
  // Some replace what belongs to the engine, and load modules anew.
  isolate: true,
});
