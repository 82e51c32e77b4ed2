import { existsSync } from "node:fs";
import { join } from "node:path";

const main = join(import.meta.dirname, "..", "..", "..", "cli", "dist", "main.js");

/**
 * What follows `node` to run the `lockstep` command as it is built.
 * @throws Error saying how to build it when it is not
 */
export function lockstepCommand(...args: string[]): string[] {
  if (!existsSync(main)) {
    throw new Error(
      "packages/cli/dist/main.js is missing: run `pnpm build` in the root of the repository, or `npm test`, which builds first",
    );
  }
  return [main, ...args];
}
