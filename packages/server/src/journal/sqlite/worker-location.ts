/**
 * Where the worker's file is: beside this one in the source, and beside the bundle in `dist`, whose files
 * all lie at the top.
 * @param self the `import.meta.url` of the module that starts the worker
 */
export function workerLocation(self: string): URL {
  if (self.endsWith(".ts")) return new URL("./worker.ts", self);
  const extension = self.endsWith(".cjs") ? "cjs" : "js";
  return new URL(`./worker.${extension}`, self);
}
