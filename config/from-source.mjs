/** How a program is bundled from the source of all packages, for Node. Node takes no enums, and generated code has some. */
export const fromSource = {
  bundle: true,
  platform: "node",
  format: "esm",
  conditions: ["lockstep-source"],
  sourcemap: "inline",
  logLevel: "warning",
  // What was written for CommonJS asks for it.
  banner: {
    js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
  },
};
