import { existsSync } from "node:fs";
import { lockstepBuild } from "../../config/tsup.ts";

const worker = "src/journal/sqlite/worker.ts";

export default lockstepBuild({
  // The worker is a file of its own in dist/, because a thread starts from a file.
  entry: existsSync(worker) ? ["src/index.ts", worker] : ["src/index.ts"],
  target: "node22.18",
  // `import.meta.url`, from which the worker is found, also in CommonJS.
  shims: true,
});
