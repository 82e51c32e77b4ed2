// The README is true: its programs are the files it names, its commands run as printed, and print what it says.
import { readFileSync } from "node:fs";
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

const blocks = blocksOf(page("README.md"));
const steps = blocks.filter(({ note }) => note === RUN || note === RUN_AFTER_KILL);

test("no block of the README goes unchecked", () => {
  const unchecked = blocks.filter(
    ({ note = "" }) => !KNOWN.includes(note) && !note.startsWith("is "),
  );
  expect(unchecked.map(placeOf)).toEqual([]);
  expect(steps.length).toBeGreaterThan(0);
});

describe("a program on a page is the file it names", () => {
  const programs = allPages()
    .flatMap(blocksOf)
    .filter(({ note }) => note?.startsWith("is "))
    .map((block) => ({ block, file: block.note?.slice("is ".length) ?? "" }));

  test.each(programs)("$block.page: $file", ({ block, file }) => {
    expect(block.text).toBe(readFileSync(join(root, file), "utf8"));
  });

  test("in every language", () => {
    const languages = programs.map(({ block }) => block.language);
    expect(languages).toEqual(expect.arrayContaining(["ts", "go", "rust"]));
  });
});

describe("the commands of the README, run in one shell from top to bottom", () => {
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

  test.each(steps.map((step, index) => ({ place: placeOf(step), step, index })))(
    "$place prints what stands below it",
    ({ step, index }) => {
      const below = blocks[blocks.indexOf(step) + 1];
      if (below?.note !== OUTPUT) return;
      expect(masked(ended.outputs[index] ?? "")).toBe(masked(below.text));
    },
  );

  test("the lock that lockstep run takes has a token", () => {
    expect(ended.outputs[0]).toMatch(/^holding demo with token [1-9]\d*\n$/);
  });

  test("the history of one key, and the server's version, can be seen", () => {
    expect(ended.outputs.at(-1)).toMatch(/lock granted +key=orders\/42 token=/);
    expect(ended.outputs.at(-1)).toMatch(/version/);
  });
});

function placeOf({ page, line }: Block): string {
  return `${page}:${line}`;
}

/** What differs from run to run, the same for all: the identity of the data, numbers between quotes or at the end. */
function masked(text: string): string {
  return text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UUID")
    .replace(/"\d+"/g, '"N"')
    .replace(/\/\d+$/gm, "/N");
}
