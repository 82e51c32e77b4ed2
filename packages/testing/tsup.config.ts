import { lockstepBuild } from "../../config/tsup.ts";

export default lockstepBuild({ entry: ["src/index.ts"], target: "node22.18" });
