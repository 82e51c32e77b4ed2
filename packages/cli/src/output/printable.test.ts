import { expect, test } from "vitest";
import { jsonLine } from "./json.ts";
import { printable } from "./printable.ts";
import { tableLines } from "./table.ts";

const hostile = "a\u001b[2Jb\u009bc\u202ed\ue000\ud800é🔒\n";

test("what could change the terminal is shown as its code, all else stays", () => {
  expect(printable(hostile)).toBe("a\\u{1b}[2Jb\\u{9b}c\\u{202e}d\ue000\\u{d800}é🔒\\u{a}");
});

test("a line of JSON says the same to a program and nothing to a terminal", () => {
  const line = jsonLine({ name: hostile });
  expect(JSON.parse(line)).toEqual({ name: hostile });
  expect(printable(line)).toBe(line);
});

test("a table is as wide as what it shows", () => {
  expect(
    tableLines(
      ["KEY", "WHO"],
      [
        ["a\u001b", "x"],
        ["🔒", ""],
      ],
    ),
  ).toEqual(["KEY      WHO", "a\\u{1b}  x", "🔒"]);
});
