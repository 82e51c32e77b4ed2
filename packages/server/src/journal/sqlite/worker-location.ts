/**
 * Where the worker's file is: beside this one in the source, and at its own place in `dist`, where all
 * else is bundled into files at the top.
 * @param self the `import.meta.url` of the module that starts the worker
 */
export function workerLocation(self: string): URL {
  if (self.endsWith(".ts")) return new URL("./worker.ts", self);
  const extension = self.endsWith(".cjs") ? "cjs" : "js";
  return new URL(`./journal/sqlite/worker.${extension}`, self);
}
