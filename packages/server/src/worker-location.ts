/** The folders of the source whose `worker.ts` is a thread of its own. */
export type WorkerFolder = "journal/sqlite" | "snapshot";

/**
 * Where a worker's file is: beside the module in the source, and at its own place in `dist`, where all
 * else is bundled into files at the top.
 * @param self the `import.meta.url` of the module in the same folder that starts the worker
 */
export function workerLocation(self: string, folder: WorkerFolder): URL {
  if (self.endsWith(".ts")) return new URL("./worker.ts", self);
  const extension = self.endsWith(".cjs") ? "cjs" : "js";
  return new URL(`./${folder}/worker.${extension}`, self);
}
