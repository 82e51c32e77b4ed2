import { lockstepTests } from "../../config/vitest.ts";

// `*.test-d.ts` files test the types of the public API.
export default lockstepTests(import.meta.dirname, {
  typecheck: { enabled: true, tsconfig: "./tsconfig.json" },
});
