import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig, type TestUserConfig } from "vitest/config";

const root = join(import.meta.dirname, "..");

/**
 * The one way our packages are tested: other packages of the workspace are taken from source, and the
 * counts go to `.results/`, where `npm test` adds them up.
 */
export function lockstepTests(packageDir: string, test: TestUserConfig = {}) {
	const { name } = JSON.parse(readFileSync(join(packageDir, "package.json"), "utf8"));
	const results = join(root, ".results", `${name.replace("/", "__")}.vitest.json`);
	return defineConfig({
		root: packageDir,
		resolve: { conditions: ["lockstep-source", ...defaultClientConditions] },
		ssr: { resolve: { conditions: ["lockstep-source", ...defaultServerConditions] } },
		test: {
			reporters: ["default", ["json", { outputFile: results }]],
			...test,
		},
	});
}
