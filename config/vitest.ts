import { basename, join } from "node:path";
import { defineConfig, type TestUserConfig } from "vitest/config";

// Vite's own list for Node, after ours: naming any condition replaces the list.
const conditions = ["lockstep-source", "module", "node", "development|production"];
const resultsDir = join(import.meta.dirname, "..", ".results");

/**
 * The one way our packages are tested: other packages of the workspace are taken from source, and the
 * counts go to `.results/`, where `npm test` adds them up.
 */
export function lockstepTests(packageDir: string, test: TestUserConfig = {}) {
  const results = join(resultsDir, `${basename(packageDir)}.vitest.json`);
  return defineConfig({
    root: packageDir,
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      include: ["src/**/*.test.ts"],
      // No test depends on what a module keeps, so that files share modules: to load them anew took longer than many tests.
      isolate: false,
      setupFiles: [join(import.meta.dirname, "properties.ts")],
      // Where the processor has keys that protect memory, V8 of Node 24 now and then ends a process that starts and ends
      // threads ("Check failed: jit_page.has_value()"); https://github.com/nodejs/node/issues/64500 tells of its kin.
      execArgv: ["--no-memory-protection-keys"],
      // Limits against hanging, not measures: machines are slow at times.
      testTimeout: 60_000,
      expect: { poll: { interval: 5, timeout: 30_000 } },
      reporters: ["default", ["json", { outputFile: results }]],
      ...test,
    },
  });
}
