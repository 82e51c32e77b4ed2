import { lockstepBuild } from "../../config/tsup.ts";

export default lockstepBuild({
  entry: ["src/index.ts", "src/node.ts", "src/web.ts"],
  target: "es2022",
});
