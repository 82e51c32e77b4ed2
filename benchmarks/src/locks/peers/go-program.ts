import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { PeerMissingError } from "../contestant.ts";

const PACKAGE = join(import.meta.dirname, "../../..");
const BUILT = join(PACKAGE, ".build");

/**
 * Builds a program of a Go module beside this package; of what has been built before only what has changed. It
 * may take minutes, in which the clients of the others renew their sessions.
 * @returns where it is
 * @throws PeerMissingError when it cannot be built
 */
export async function built(name: string, module: string, path: string): Promise<string> {
  const program = join(BUILT, name);
  try {
    mkdirSync(BUILT, { recursive: true });
    const args = ["build", "-C", join(PACKAGE, module), "-o", program, path];
    await promisify(execFile)("go", args);
  } catch (cause) {
    throw new PeerMissingError(`${name} cannot be built: Go is missing, or its modules`, { cause });
  }
  return program;
}
