import { basename, relative } from "node:path";

/** How to call this command again from the same shell: `lockstep`, or `node` and the path to it. */
export function invocation(script: string, folder: string): string {
  if (basename(script) === "lockstep") return "lockstep";
  const path = relative(folder, script);
  return `node ${/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`}`;
}
