// Each rule, shown a small text that breaks it and one that does not: a rule that finds nothing proves nothing.
import { describe, expect, test } from "vitest";
import { type Chapter, readChapter } from "./chapter.ts";
import { coverageOf, unnamed } from "./coverage.ts";
import { referencesIn } from "./references.ts";

const path = "docs/spec/locks.md";
const good = "- **LOCK-1** (server) A hold MUST have\n  one token. _It names the hold._";

function read(...items: string[]): Chapter {
  return readChapter({ path, text: `# Locks\n\nProse.\n\n${items.join("\n")}\n` });
}

describe("a chapter", () => {
  test("is read item by item, without the reasons", () => {
    const { requirements, findings } = read(good, "- **LOCK-3** (client) It MAY _guess_ this.");
    expect(findings).toEqual([]);
    expect(requirements).toEqual([
      {
        id: "LOCK-1",
        side: "server",
        text: "A hold MUST have one token.",
        must: true,
        path,
        line: 5,
      },
      { id: "LOCK-3", side: "client", text: "It MAY _guess_ this.", must: false, path, line: 7 },
    ]);
  });

  test.each([
    ["a keyword", "- **LOCK-2** (server) A hold has one token."],
    ["a side", "- **LOCK-2** A hold MUST have one token."],
    ["a side we know", "- **LOCK-2** (user) A hold MUST have one token."],
    ["the prefix of its chapter", "- **SES-2** (server) A hold MUST have one token."],
    ["its keywords in front", "- **LOCK-2** (server) It MUST be so. _It MUST be._"],
    ["its reason last", "- **LOCK-2** (server) It MUST be so. _It has to._ And more."],
    ["one sentence, or two", "- **LOCK-2** (server) It MUST be. It is. It was."],
    ["an end", "- **LOCK-2** (server) It MUST be"],
    ["an id above the last", "- **LOCK-1** (server) It MUST be."],
  ])("wants of each requirement %s", (_, item) => {
    expect(read(good, item).findings).toMatchObject([{ path, line: 7 }]);
  });

  test("has no keywords in its prose", () => {
    expect(read("A hold MUST have one token.").findings).toHaveLength(1);
  });
});

describe("what tests name is found", () => {
  const ts = (text: string) => ({
    path: "a.test.ts",
    text: `import { test } from "vitest";\n${text}`,
  });

  test.each([
    ["test", ts('test("title [LOCK-1]", () => {});')],
    ["it", ts(`it(\`title \${a} [LOCK-1]\`, () => {});`)],
    ["each", ts('test.each([\n  [1],\n])("title %s [LOCK-1]", () => {});')],
    ["for", ts('test.for([1])("title [LOCK-1]", { timeout: 1 }, () => {});')],
    ["Go", { path: "a_test.go", text: "// [LOCK-1]\nfunc TestA(t *testing.T) {" }],
    ["Rust", { path: "a.rs", text: "/// [LOCK-1]\n#[tokio::test]\nasync fn a() {" }],
    ["Rust below", { path: "a.rs", text: "#[test]\n// [LOCK-1]\nfn a() {" }],
  ])("in %s", (_, file) => {
    expect(referencesIn(file).map(({ id }) => id)).toEqual(["LOCK-1"]);
  });

  test("several of them, each with its place", () => {
    const file = ts('\ntest("title [LOCK-1, LOCK-2] [SES-3]", () => {});');
    expect(referencesIn(file)).toEqual(
      ["LOCK-1", "LOCK-2", "SES-3"].map((id) => ({ id, path: "a.test.ts", line: 3 })),
    );
  });

  test.each([
    ["a comment", ts("// [LOCK-1]\n")],
    ["another call", ts('check("title [LOCK-1]");')],
    [
      "a comment apart from the function",
      { path: "a_test.go", text: "// [LOCK-1]\n\nfunc TestA(" },
    ],
    ["a function that is no test", { path: "a.rs", text: "// [LOCK-1]\nfn a() {" }],
  ])("but not in %s", (_, file) => {
    expect(referencesIn(file)).toEqual([]);
  });
});

describe("a requirement", () => {
  const may = "- **LOCK-2** (server) It MAY be.";
  const reference = (id: string) => ({ id, path: "a.test.ts", line: 1 });

  test("that nobody names is told, unless it is no MUST", () => {
    expect(unnamed(coverageOf([read(good, may)], [])).map(({ id }) => id)).toEqual(["LOCK-1"]);
    expect(unnamed(coverageOf([read(good, may)], [reference("LOCK-1")]))).toEqual([]);
  });

  test("that does not exist is told to who names it", () => {
    const { findings } = coverageOf([read(good)], [reference("LOCK-9")]);
    expect(findings).toMatchObject([{ path: "a.test.ts", line: 1 }]);
  });
});
