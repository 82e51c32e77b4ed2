// Each rule, shown a small file that breaks it and one that does not: a rule that finds nothing proves nothing.
import { describe, expect, test } from "vitest";
import {
  browserEntriesImportNoNode,
  dependenciesFollowTheLayers,
  importsFollowTheLayers,
  pureLayersStayPure,
} from "./rules/layers.ts";
import {
  librariesDoNotPrint,
  noCommentedOutCode,
  noMarkers,
  noSwitchedOffTests,
  otherLanguagesRunAllTests,
} from "./rules/leftovers.ts";
import { manifestAgrees, namesNoMachine, namesOneRepository } from "./rules/names.ts";
import { testsDoNotSleep, timeAndChanceComeThroughPorts } from "./rules/ports.ts";
import { longFiles, longFunctions, ratchet } from "./rules/sizes.ts";
import { onlyErasableSyntax } from "./rules/syntax.ts";
import { parse, type Rule } from "./source.ts";

const core = "packages/core/src/a.ts";
const server = "packages/server/src/a.ts";
const cli = "packages/cli/src/a.ts";
const serverTest = "packages/server/src/a.test.ts";

describe("a rule finds what breaks it", () => {
  test.each<[Rule, string, string]>([
    [importsFollowTheLayers, core, 'import { a } from "@lockstep/server";'],
    [importsFollowTheLayers, core, 'type A = import("@lockstep/client").A;'],
    [importsFollowTheLayers, server, 'export * from "@lockstep/client/node";'],
    [importsFollowTheLayers, server, 'await import("@lockstep/cli");'],
    [importsFollowTheLayers, server, 'import { a } from "../../core/src/a.ts";'],
    [pureLayersStayPure, core, 'import { readFileSync } from "node:fs";'],
    [pureLayersStayPure, core, 'import pino from "pino";'],
    [pureLayersStayPure, "packages/protocol/src/a.ts", 'import "node:crypto";'],
    [timeAndChanceComeThroughPorts, core, "Date.now();"],
    [timeAndChanceComeThroughPorts, core, "globalThis.Date.now();"],
    [timeAndChanceComeThroughPorts, core, "const { now } = Date;"],
    [timeAndChanceComeThroughPorts, core, "new Date();"],
    [timeAndChanceComeThroughPorts, core, "const read = performance.now;"],
    [timeAndChanceComeThroughPorts, core, "process.hrtime.bigint();"],
    [timeAndChanceComeThroughPorts, core, "Math.random();"],
    [timeAndChanceComeThroughPorts, core, "crypto.randomUUID();"],
    [timeAndChanceComeThroughPorts, core, "globalThis.crypto.getRandomValues(bytes);"],
    [timeAndChanceComeThroughPorts, core, 'import { randomBytes } from "node:crypto";'],
    [timeAndChanceComeThroughPorts, core, 'import * as c from "node:crypto"; c.randomInt(3);'],
    [timeAndChanceComeThroughPorts, core, "setTimeout(() => {}, 1);"],
    [timeAndChanceComeThroughPorts, core, "globalThis.setInterval(() => {}, 1);"],
    [timeAndChanceComeThroughPorts, core, "const clock = { setTimeout };"],
    [timeAndChanceComeThroughPorts, core, 'import { setTimeout } from "node:timers/promises";'],
    [timeAndChanceComeThroughPorts, core, "AbortSignal.timeout(5);"],
    [testsDoNotSleep, serverTest, "await new Promise((resolve) => setTimeout(resolve, 10));"],
    [testsDoNotSleep, "packages/integration/src/a.ts", 'import "node:timers/promises";'],
    [noSwitchedOffTests, serverTest, 'test.only("a", () => {});'],
    [noSwitchedOffTests, serverTest, 'describe.concurrent.skip("a", () => {});'],
    [librariesDoNotPrint, server, 'console.error("a");'],
    [noCommentedOutCode, core, "const a = 1;\n// const b = 2;"],
    [noCommentedOutCode, core, "function f() {\n  /* return a;\n   */\n}"],
    [noCommentedOutCode, core, "// queue.push(item);"],
    [onlyErasableSyntax, core, "enum A { B }"],
    [onlyErasableSyntax, core, "namespace A { export const b = 1; }"],
    [onlyErasableSyntax, core, "class A { constructor(private b: string) {} }"],
  ])("%o in %s: %s", (rule, path, text) => {
    expect(rule(parse(path, text))).toHaveLength(1);
  });

  test("also where a browser reaches the file only through another", () => {
    const door = parse("packages/client/src/index.ts", 'export * from "./lib/a.ts";');
    const inner = parse("packages/client/src/lib/a.ts", 'import { hash } from "crypto";');
    const node = parse("packages/client/src/node.ts", 'import "node:http2";');
    expect(browserEntriesImportNoNode([door, inner, node])).toHaveLength(1);
  });

  test("also in manifests", () => {
    const manifest = { dependencies: { "@lockstep/server": "workspace:^" }, license: "MIT" };
    const text = JSON.stringify(manifest);
    const root = JSON.stringify({
      license: "Apache-2.0",
      engines: { node: ">=26" },
      repository: {},
    });
    expect(dependenciesFollowTheLayers("packages/core/package.json", text)).toHaveLength(1);
    expect(manifestAgrees("packages/core/package.json", text, root)).toHaveLength(3);
  });

  test("also in any text", () => {
    expect(noMarkers("a.md", `one\n${"TO"}${"DO"}: two`)).toMatchObject([{ line: 2 }]);
    expect(namesNoMachine("a.md", "see /home/someone/lockstep")).toHaveLength(1);
    expect(namesNoMachine("a.md", "at https://registry.example.org/a")).toHaveLength(1);
    const url = "git+https://github.com/one/lockstep.git";
    expect(namesOneRepository("a.md", "https://github.com/two/lockstep/x", url)).toHaveLength(1);
    expect(otherLanguagesRunAllTests("a_test.go", "\tt.Skip()")).toHaveLength(1);
    expect(otherLanguagesRunAllTests("a_test.go", '\tt.Skip("later")')).toHaveLength(1);
    expect(otherLanguagesRunAllTests("a.rs", "#[ignore]")).toHaveLength(1);
  });
});

describe("a rule leaves alone what is right", () => {
  test.each<[Rule, string, string]>([
    [importsFollowTheLayers, server, 'import { a } from "@lockstep/core";'],
    [importsFollowTheLayers, cli, 'import { a } from "@lockstep/server";'],
    [pureLayersStayPure, "packages/core/src/a.test.ts", 'import { test } from "vitest";'],
    [timeAndChanceComeThroughPorts, "packages/server/src/ports/clock.ts", "Date.now();"],
    [timeAndChanceComeThroughPorts, core, "const a = new Date(ms); clock.setTimeout(f, 1);"],
    [timeAndChanceComeThroughPorts, core, "interface Clock { setTimeout(f: () => void): void }"],
    [testsDoNotSleep, "packages/integration/src/real-time.ts", "setTimeout(resolve, ms);"],
    [librariesDoNotPrint, cli, 'console.log("a");'],
    [noCommentedOutCode, core, "// The caller returns; nothing waits.\n/** const a = 1; */"],
    [onlyErasableSyntax, core, "declare enum A { B }\nexport default 1;"],
  ])("%o in %s: %s", (rule, path, text) => {
    expect(rule(parse(path, text))).toEqual([]);
  });
});

describe("the list of exceptions only shrinks", () => {
  const lines = (count: number) => "a;\n".repeat(count);
  const long = longFiles([{ path: core, text: lines(310) }]);

  test("a long file and a long function need an exception", () => {
    const source = parse(core, `function f() {\n${lines(70)}}\n`);
    expect(ratchet(long, {}, 300)).toHaveLength(1);
    expect([...longFunctions(source)]).toEqual([[`${core}#f`, 72]]);
  });

  test("an exception is exactly as large as its place", () => {
    expect(ratchet(long, { [core]: 310 }, 300)).toEqual([]);
    expect(ratchet(long, { [core]: 309 }, 300)).toHaveLength(1);
    expect(ratchet(long, { [core]: 311 }, 300)).toHaveLength(1);
    expect(ratchet(new Map(), { [core]: 310 }, 300)).toHaveLength(1);
  });
});
