import { lockstepTests } from "../../config/vitest.ts";

export default lockstepTests(import.meta.dirname);
