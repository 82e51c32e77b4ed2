import { lockstepBuild } from "../../config/tsup.ts";

export default lockstepBuild({
  entry: ["src/main.ts"],
  target: "node22.18",
  format: ["esm"],
  dts: false,
});
