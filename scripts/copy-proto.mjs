// Copies the contract into the package that publishes it: npm packs nothing from outside a package's folder.
import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./toolchain.mjs";

const source = join(root, "proto");
const target = join(process.cwd(), "proto");
if (!existsSync(source)) throw new Error(`There is no ${source} to copy`);
rmSync(target, { recursive: true, force: true });
cpSync(source, target, { recursive: true });
