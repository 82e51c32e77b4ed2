// Runs once before a project's tests: bundles the threads of the server from their source. Node reads TypeScript with a
// compiler in WebAssembly, which each thread would load anew; processes that start and end hundreds of such threads now and
// then end with a fault of the engine.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { fromSource } from "./from-source.mjs";

const source = join(import.meta.dirname, "..", "packages", "server", "src");

export default async function bundleWorkers(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-workers-"));
  await build({
    entryPoints: ["journal/sqlite/worker", "snapshot/worker"].map((name) =>
      join(source, `${name}.ts`),
    ),
    outbase: source,
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    ...fromSource,
  });
  process.env.LOCKSTEP_TEST_WORKERS = folder;
  return () => rm(folder, { recursive: true });
}
