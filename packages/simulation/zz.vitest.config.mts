import { join } from "node:path";
import { defineConfig } from "vitest/config";
const conditions = ["lockstep-source", "module", "node", "development|production"];
export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions }, ssr: { resolve: { conditions } },
  plugins: [{
    name: "upkeep",
    transform(code: string, id: string) {
      if (!id.endsWith("/src/server/server-host.ts")) return;
      const out = code.replace("onStopped: (error) => this.#stopped(incarnation, error),",
        "onStopped: (error) => this.#stopped(incarnation, error), upkeep: { policy: { snapshotEvents: 15, historyEvents: 5, historyAgeMs: 3_600_000 }, maker: new InProcessMaker(limits, coreCodec, clock), onNotice: (s) => { (globalThis as any).zzn = ((globalThis as any).zzn ?? 0) + 1; console.log(s); } },");
      if (out === code) throw new Error("not replaced");
      return `import { InProcessMaker, coreCodec } from "@lockstep/server/internal";\n${out}`;
    },
    enforce: "pre",
  }],
  test: { include: ["src/zz.test.ts"], testTimeout: 240_000 },
});
