import { existsSync } from "node:fs";
import { lockstepBuild } from "../../config/tsup.ts";

const index = "src/index.ts";
const worker = "src/journal/sqlite/worker.ts";

export default lockstepBuild({
  // A thread starts from a file: the worker lies beside the bundle, as dist/worker.js and dist/worker.cjs.
  entry: existsSync(worker) ? { index, worker } : { index },
  dts: { entry: { index } },
  target: "node22.18",
  // `import.meta.url`, from which the worker is found, also in CommonJS.
  shims: true,
});
