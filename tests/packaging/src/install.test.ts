import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { emptyFolder, pack } from "./pack.ts";

const entries = [
  "@lockstep/client",
  "@lockstep/client/node",
  "@lockstep/client/web",
  "@lockstep/protocol",
  "@lockstep/replica",
  "@lockstep/replica/sqlite",
];

describe("the packed client and replica in an empty project", () => {
  let project: string;

  beforeAll(() => {
    project = emptyFolder();
    writeFileSync(join(project, "package.json"), '{ "private": true }\n');
    // All in one command: the protocol of this version is not on any registry yet.
    const tarballs = [pack("replica"), pack("client"), pack("protocol")];
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
    execFileSync("npm", ["install", ...tarballs, ...flags], {
      cwd: project,
      stdio: ["ignore", "ignore", "inherit"],
    });
  });

  test.each(entries)("%s exports the same names to import and to require", (entry) => {
    const print =
      "console.log(JSON.stringify(Object.keys(door).filter((name) => name !== 'default').sort()))";
    const imported = evaluate("module", `import * as door from "${entry}"; ${print}`);
    const required = evaluate("commonjs", `const door = require("${entry}"); ${print}`);
    expect(imported.length).toBeGreaterThan(0);
    expect(required).toEqual(imported);
  });

  function evaluate(type: string, code: string): string[] {
    const args = [`--input-type=${type}`, "--eval", code];
    return JSON.parse(execFileSync(process.execPath, args, { cwd: project, encoding: "utf8" }));
  }
});
