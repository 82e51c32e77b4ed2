import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";

test.each(["index", "web"])(
  "the entry %s of the client bundles for a browser without Node",
  async (entry) => {
    // Fails by itself on any built-in module, with or without `node:`.
    const result = await build({
      entryPoints: [join(clientDir(), "dist", `${entry}.js`)],
      bundle: true,
      write: false,
      metafile: true,
      format: "esm",
      platform: "browser",
      logLevel: "silent",
    });
    const imports = Object.values(result.metafile.outputs).flatMap((output) => output.imports);
    expect(imports).toEqual([]);
  },
);

function clientDir(): string {
  return dirname(fileURLToPath(import.meta.resolve("@lockstep/client/package.json")));
}
