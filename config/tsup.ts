import { defineConfig, type Options } from "tsup";

/**
 * The one way our packages are built: ESM, CommonJS and declarations, every dependency external
 * (tsup leaves whatever package.json names as a dependency alone).
 */
export function lockstepBuild(options: Pick<Options, "entry" | "target"> & Partial<Options>) {
  return defineConfig({
    format: ["esm", "cjs"],
    dts: true,
    sourcemap: true,
    clean: true,
    splitting: true,
    treeshake: false,
    // `node:sqlite` has no name without the prefix.
    removeNodeProtocol: false,
    ...options,
  });
}
