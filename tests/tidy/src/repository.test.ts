import { describe, expect, test } from "vitest";
import { fileExceptions, functionExceptions } from "./exceptions.ts";
import { committedFiles, read, sources } from "./repository.ts";
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
import {
  linesPerFileMax,
  linesPerFunctionMax,
  longFiles,
  longFunctions,
  ratchet,
} from "./rules/sizes.ts";
import { onlyErasableSyntax } from "./rules/syntax.ts";
import type { Finding, Rule } from "./source.ts";

const ours = sources();
const paths = committedFiles();
const texts = paths.filter((path) => !isBinary(path)).map((path) => ({ path, text: read(path) }));
const manifests = texts.filter(({ path }) => /(^|\/)package\.json$/.test(path));

test("the list of files finds the packages", () => {
  expect(ours.map(({ path }) => path)).toContain("packages/core/src/index.ts");
});

describe("every source file", () => {
  const rules: Record<string, Rule> = {
    "imports only from layers below": importsFollowTheLayers,
    "of a pure package imports nothing impure": pureLayersStayPure,
    "takes time and chance from ports": timeAndChanceComeThroughPorts,
    "of a test does not sleep": testsDoNotSleep,
    "runs all its tests": noSwitchedOffTests,
    "of a library prints nothing": librariesDoNotPrint,
    "has no commented-out code": noCommentedOutCode,
    "has only types that can be stripped": onlyErasableSyntax,
  };
  test.each(Object.entries(rules))("%s", (_, rule) => {
    expect(show(ours.flatMap(rule))).toEqual([]);
  });

  test("that a browser loads imports nothing of Node", () => {
    expect(show(browserEntriesImportNoNode(ours))).toEqual([]);
  });

  test("is short", () => {
    const files = texts.filter(({ path }) => /\.(ts|mts|mjs|js|go|rs)$/.test(path));
    expect(ratchet(longFiles(files), fileExceptions, linesPerFileMax)).toEqual([]);
  });

  test("has short functions", () => {
    const sizes = new Map(ours.flatMap((source) => [...longFunctions(source)]));
    expect(ratchet(sizes, functionExceptions, linesPerFunctionMax)).toEqual([]);
  });
});

describe("every file", () => {
  const rootManifest = read("package.json");
  const { url } = JSON.parse(rootManifest).repository;
  // These name what they look for.
  const others = texts.filter(({ path }) => !path.startsWith("tests/tidy/"));

  test("has no left-over markers", () => {
    expect(show(texts.flatMap(({ path, text }) => noMarkers(path, text)))).toEqual([]);
  });

  test("of another language runs all its tests", () => {
    expect(show(texts.flatMap(({ path, text }) => otherLanguagesRunAllTests(path, text)))).toEqual(
      [],
    );
  });

  test("names no machine and no registry", () => {
    expect(show(others.flatMap(({ path, text }) => namesNoMachine(path, text)))).toEqual([]);
  });

  test("agrees with package.json on the repository", () => {
    expect(show(others.flatMap(({ path, text }) => namesOneRepository(path, text, url)))).toEqual(
      [],
    );
  });

  test("that is a manifest depends only on layers below", () => {
    const findings = manifests.flatMap(({ path, text }) => dependenciesFollowTheLayers(path, text));
    expect(show(findings)).toEqual([]);
  });

  test("that is a published manifest says where it comes from and where it runs", () => {
    expect(
      show(manifests.flatMap(({ path, text }) => manifestAgrees(path, text, rootManifest))),
    ).toEqual([]);
  });
});

function show(findings: Finding[]): string[] {
  return findings.map(({ path, line, message }) => `${path}:${line} ${message}`);
}

function isBinary(path: string): boolean {
  return /\.(png|ico|binpb|gz|db|sqlite)$/.test(path);
}
