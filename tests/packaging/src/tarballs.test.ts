import { execFileSync, spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test } from "vitest";
import { pack, published, tool } from "./pack.ts";

describe.each(published)("the package %s", (name) => {
  let tarball: string;

  beforeAll(() => {
    tarball = pack(name);
  });

  test("is in order for every bundler and runtime (publint)", () => {
    expect(run("publint", "run", tarball, "--strict")).toMatchObject({ status: 0 });
  });

  test("has types that agree with its code (attw)", () => {
    expect(run("attw", tarball, "--profile", "node16")).toMatchObject({ status: 0 });
  });

  test("names no workspace path and no condition of our own", () => {
    const manifest = execFileSync("tar", ["-xzOf", tarball, "package/package.json"], {
      encoding: "utf8",
    });
    expect(manifest).not.toMatch(/workspace:|catalog:|lockstep-source|\.\/src\//);
  });

  test("ships no source, no tests and no configuration", () => {
    const strangers = contents(tarball).filter(
      (file) =>
        !/^package\/(dist\/|proto\/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/.test(file),
    );
    expect(strangers).toEqual([]);
  });
});

test("the protocol package brings the contract and its descriptor image", () => {
  const files = contents(pack("protocol"));
  expect(files).toContain("package/proto/lockstep/v1/lock_service.proto");
  expect(files).toContain("package/dist/lockstep.binpb");
});

function run(name: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(tool(name), args, { encoding: "utf8" });
  return { status, output: stdout + stderr };
}

function contents(tarball: string): string[] {
  return execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trim().split("\n");
}
