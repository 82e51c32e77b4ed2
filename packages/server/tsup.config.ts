import { lockstepBuild } from "../../config/tsup.ts";

const index = "src/index.ts";
const journalWorker = "src/journal/sqlite/worker.ts";
const snapshotWorker = "src/snapshot/worker.ts";

export default lockstepBuild({
  // A thread starts from a file of its own; worker-location.ts knows where it is.
  entry: {
    index,
    "journal/sqlite/worker": journalWorker,
    "snapshot/worker": snapshotWorker,
  },
  dts: { entry: { index } },
  target: "node22.18",
  // `import.meta.url`, from which the worker is found, also in CommonJS.
  shims: true,
});
