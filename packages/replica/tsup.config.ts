import { lockstepBuild } from "../../config/tsup.ts";

export default lockstepBuild({
  entry: ["src/index.ts", "src/sqlite.ts"],
  target: "es2022",
});
