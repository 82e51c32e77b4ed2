import { expect, test } from "vitest";
import { workerLocation } from "./worker-location.ts";

test.each([
  ["file:///s/src/journal/sqlite/journal-thread.ts", "file:///s/src/journal/sqlite/worker.ts"],
  ["file:///s/dist/index.js", "file:///s/dist/journal/sqlite/worker.js"],
  ["file:///s/dist/chunk-ABC.js", "file:///s/dist/journal/sqlite/worker.js"],
  ["file:///s/dist/index.cjs", "file:///s/dist/journal/sqlite/worker.cjs"],
])("the worker of %s is %s", (self, worker) => {
  expect(workerLocation(self).href).toBe(worker);
});
