import { expect, test } from "vitest";
import { type WorkerFolder, workerLocation } from "./worker-location.ts";

test.each<[string, WorkerFolder, string]>([
  [
    "file:///s/src/journal/sqlite/journal-thread.ts",
    "journal/sqlite",
    "file:///s/src/journal/sqlite/worker.ts",
  ],
  ["file:///s/src/snapshot/thread.ts", "snapshot", "file:///s/src/snapshot/worker.ts"],
  ["file:///s/dist/index.js", "journal/sqlite", "file:///s/dist/journal/sqlite/worker.js"],
  ["file:///s/dist/chunk-ABC.js", "snapshot", "file:///s/dist/snapshot/worker.js"],
  ["file:///s/dist/index.cjs", "snapshot", "file:///s/dist/snapshot/worker.cjs"],
])("the worker of %s in %s is %s", (self, folder, worker) => {
  expect(workerLocation(self, folder).href).toBe(worker);
});
