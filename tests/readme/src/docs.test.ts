// What the pages say in tables and links is what the code says.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { DEFAULT_LIMITS, ErrorReasonSchema } from "@lockstep/protocol";
import { SETTINGS, variableOf } from "@lockstep/server";
import { describe, expect, test } from "vitest";
import { command } from "./lockstep.ts";
import { allPages, anchorsOf, linksOf, type Page, page, root, tableRows } from "./markdown.ts";

const operating = page("docs/guides/operating.md");

test("the table of limits has every limit with its default", () => {
  const rows = tableRows(operating).filter(([name = ""]) => name in DEFAULT_LIMITS);
  const told = Object.fromEntries(
    rows.map(([name = "", value = ""]) => [name, Number(value.replaceAll(",", ""))]),
  );
  expect(told).toEqual(DEFAULT_LIMITS);
});

test("the table of flags has every flag with its variable", () => {
  const rows = tableRows(operating).filter(([flag = ""]) => flag.startsWith("--"));
  const told = rows.map(([flag = "", variable = ""]) => [flag.split(" ")[0], variable]);
  const settings = Object.values(SETTINGS).map((setting) => [
    `--${setting.flag}`,
    variableOf(setting),
  ]);
  expect(told).toEqual(settings);
});

test("the exit codes of serve are those its help tells", () => {
  const help = execFileSync(process.execPath, [command, "serve", "--help"], { encoding: "utf8" });
  const told = tableRows(operating)
    .filter(([code = ""]) => /^\d+(\+n)?$/.test(code))
    .map(([code]) => code);
  const [, after = ""] = help.split("Exit codes:");
  const codes = [...after.matchAll(/^ {2}(\d\S*)/gm)].map(([, code = ""]) => code);
  expect(codes.length).toBeGreaterThan(0);
  expect(told).toEqual(codes);
});

test("the reasons a client has to know exist", () => {
  const known = ErrorReasonSchema.values.map(({ name }) => name.replace("ERROR_REASON_", ""));
  const rows = tableRows(page("docs/guides/other-languages.md")).filter(([name = ""]) =>
    /^[A-Z_]+(, [A-Z_]+)*$/.test(name),
  );
  const named = rows.flatMap(([names = ""]) => names.split(", "));
  expect(named.length).toBeGreaterThan(0);
  expect(known).toEqual(expect.arrayContaining(named));
});

describe("every link leads somewhere", () => {
  test.each(allPages().map((each) => [each.path, each] as const))("in %s", (_, each) => {
    expect(linksOf(each).filter((link) => !leadsSomewhere(each, link))).toEqual([]);
  });
});

test("every page below docs/ is reached from its index", () => {
  const index = page("docs/README.md");
  const linked = linksOf(index).map((link) => normalize(join("docs", link)));
  const pages = allPages().map(({ path }) => path);
  const below = pages.filter((path) => path.startsWith("docs/") && path !== index.path);
  expect(below.filter((path) => !linked.includes(path))).toEqual([]);
});

function leadsSomewhere({ path }: Page, link: string): boolean {
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? path : normalize(join(dirname(path), file));
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || anchorsOf(page(target)).includes(anchor);
}
