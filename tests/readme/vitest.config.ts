import { lockstepTests } from "../../config/vitest.ts";

export default lockstepTests(import.meta.dirname, { testTimeout: 60_000, hookTimeout: 60_000 });
