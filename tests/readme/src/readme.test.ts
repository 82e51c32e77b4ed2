// The README and the guides to locks and datasets are true: their programs are the files they name, their commands run as printed
// and print what stands below them.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lockstep } from "./lockstep.ts";
import { allPages, type Block, blocksOf, page, root } from "./markdown.ts";
import { Shell } from "./shell.ts";

// What the comment above a block may say.
const RUN = "run";
const RUN_AFTER_KILL = "run after kill -9";
const OUTPUT = "output";
/** Set-up that `npm test` itself goes through. */
const SET_UP = "set-up";
/** What tests of the other languages' packages compare. */
const OTHER_LANGUAGES = "output of the programs in Go and Rust";
const KNOWN = [RUN, RUN_AFTER_KILL, OUTPUT, SET_UP, OTHER_LANGUAGES];

const PAGES = ["README.md", "docs/guides/locks.md", "docs/guides/datasets.md"];
const blocks = PAGES.map(page).flatMap(blocksOf);
const steps = blocks.filter(({ note }) => note === RUN || note === RUN_AFTER_KILL);
const printing = steps.flatMap((step, index) => {
  const below = blocks[blocks.indexOf(step) + 1];
  return below?.note === OUTPUT ? [{ place: placeOf(step), printed: below.text, index }] : [];
});

test("no block goes unchecked", () => {
  const unchecked = blocks.filter(
    ({ note = "" }) => !KNOWN.includes(note) && !note.startsWith("is "),
  );
  expect(unchecked.map(placeOf)).toEqual([]);
  expect(steps.length).toBeGreaterThan(0);
  expect(printing).toHaveLength(blocks.filter(({ note }) => note === OUTPUT).length);
});

describe("a program on a page is the file it names", () => {
  const programs = allPages()
    .flatMap(blocksOf)
    .filter(({ note }) => note?.startsWith("is "))
    .map((block) => ({ block, file: block.note?.slice("is ".length) ?? "" }));

  test.each(programs)("$block.page: $file", ({ block, file }) => {
    expect(block.text).toBe(readFileSync(join(root, file), "utf8"));
  });

  test("and of TypeScript, all are printed somewhere", () => {
    const examples = ["client", "replica"]
      .map((name) => join("packages", name, "examples"))
      .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(folder, name)));
    const printed = programs.map(({ file }) => file);
    expect(examples.filter((file) => !printed.includes(file))).toEqual([]);
  });

  test("in every language", () => {
    const languages = programs.map(({ block }) => block.language);
    expect(languages).toEqual(expect.arrayContaining(["ts", "go", "rust"]));
  });
});

describe("the commands, run in one shell from top to bottom", () => {
  const lockstep = new Lockstep();
  let ended: Awaited<ReturnType<Shell["end"]>>;

  beforeAll(async () => {
    await lockstep.start();
    const shell = new Shell(lockstep.address);
    for (const { note, text } of steps) {
      if (note === RUN_AFTER_KILL) {
        await lockstep.kill();
        await lockstep.start();
      }
      await shell.run(text);
    }
    ended = await shell.end();
  });

  afterAll(() => lockstep.remove());

  test("all succeed", () => {
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ended.outputs).toHaveLength(steps.length);
  });

  test.each(printing)("$place prints what stands below it", ({ printed, index }) => {
    expect(masked(ended.outputs[index] ?? "")).toBe(masked(printed));
  });

  test("the lock that lockstep run takes has a token", () => {
    expect(ended.outputs[0]).toMatch(/^holding demo with token [1-9]\d*\n$/);
  });

  test("the history of one key and the server's version can be seen", () => {
    const index = steps.findIndex(({ text }) => text.includes("lockstep events"));
    expect(ended.outputs[index]).toMatch(/lock granted +key=orders\/42 token=/);
    expect(ended.outputs[index]).toMatch(/version +\d/);
  });
});

function placeOf({ page, line }: Block): string {
  return `${page}:${line}`;
}

/** A text with what differs from run to run made the same: ids, tokens, times, and the width of columns. */
function masked(text: string): string {
  return text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UUID")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replace(/"\d+"/g, '"N"')
    .replace(/session \d+/g, "session N")
    .replace(/(\/|TIME +)\d+$/gm, "$1N")
    .replace(/ +/g, " ");
}
