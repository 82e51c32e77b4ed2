import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { WorkerFolder } from "../worker-location.ts";

/** In place of `workerLocation`, for tests with many threads: where `config/bundled-workers.ts` has put the worker. */
export function workerLocation(_self: string, folder: WorkerFolder): URL {
  const workers = process.env.LOCKSTEP_TEST_WORKERS;
  if (workers === undefined) throw new Error("no workers were bundled for this test");
  return pathToFileURL(join(workers, folder, "worker.mjs"));
}
