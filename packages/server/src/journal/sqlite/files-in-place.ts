import { statSync } from "node:fs";

/**
 * Watches that files which are held open are still those their paths name. What is written to a file
 * that was deleted or replaced is gone at the end of the process, and no write tells.
 */
export class FilesInPlace {
  readonly #identities = new Map<string, string | undefined>();

  /** A file that does not exist yet counts from the first check at which it does. */
  constructor(paths: readonly string[]) {
    for (const path of paths) this.#identities.set(path, identityOf(path));
  }

  /** @throws Error that names the file which was deleted or replaced. */
  check(): void {
    for (const [path, opened] of this.#identities) {
      const found = identityOf(path);
      if (opened === undefined) this.#identities.set(path, found);
      else if (found !== opened) throw new Error(`${path} was deleted or replaced while in use`);
    }
  }
}

function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}
