import { lockstepBuild } from "../../config/tsup.ts";

const index = "src/index.ts";
const worker = "src/journal/sqlite/worker.ts";

export default lockstepBuild({
  // A thread starts from a file of its own; worker-location.ts knows where it is.
  entry: { index, "journal/sqlite/worker": worker },
  dts: { entry: { index } },
  target: "node22.18",
  // `import.meta.url`, from which the worker is found, also in CommonJS.
  shims: true,
});
