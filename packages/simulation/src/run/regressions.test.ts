import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readReplay } from "../plan/replay-file.ts";
import { simulate } from "./simulate.ts";

const TRACES = join(import.meta.dirname, "..", "..", "traces");

test.each(readdirSync(TRACES))(
  "%s, which once broke a rule, breaks none any more",
  async (name) => {
    const { violation } = await simulate(readReplay(join(TRACES, name)));
    expect(violation).toBeUndefined();
  },
);
