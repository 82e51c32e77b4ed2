import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { broken, type Mutant, type MutatedPackage, pathOf } from "./mutant.ts";

/** The root of the repository. */
export const repository = join(import.meta.dirname, "..", "..", "..");

const COPIED: readonly MutatedPackage[] = ["core", "server", "client", "replica"];
const COPIED_OF_A_PACKAGE = ["src", "package.json", "tsconfig.json", "vitest.config.ts"];
const COPIED_OF_THE_ROOT = ["config", "tsconfig.base.json", "package.json"];

/** A copy of the packages that can be broken, outside the working tree. */
export class Scratch {
  readonly root = mkdtempSync(join(tmpdir(), "lockstep-mutants-"));

  constructor() {
    for (const name of COPIED_OF_THE_ROOT)
      cpSync(join(repository, name), join(this.root, name), { recursive: true });
    symlinkSync(join(repository, "node_modules"), join(this.root, "node_modules"));
    mkdirSync(join(this.root, "packages"));
    symlinkSync(join(repository, "packages/protocol"), join(this.root, "packages/protocol"));
    for (const name of COPIED) this.#copyPackage(name);
  }

  /** Runs something while a rule is broken. */
  async whileBroken<T>(mutant: Mutant, run: () => Promise<T>): Promise<T> {
    const path = join(this.root, pathOf(mutant));
    const text = readFileSync(path, "utf8");
    writeFileSync(path, broken(mutant, text));
    try {
      return await run();
    } finally {
      writeFileSync(path, text);
    }
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  #copyPackage(name: MutatedPackage): void {
    const [from, to] = [join(repository, "packages", name), join(this.root, "packages", name)];
    for (const part of COPIED_OF_A_PACKAGE)
      cpSync(join(from, part), join(to, part), { recursive: true });
    // Links between packages are relative and so lead to the copies.
    cpSync(join(from, "node_modules"), join(to, "node_modules"), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !/\.vite/.test(path),
    });
  }
}
