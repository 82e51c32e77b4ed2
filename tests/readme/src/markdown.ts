import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** The root of the repository. */
export const root: string = join(import.meta.dirname, "..", "..", "..");

/** A page of documentation. */
export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block of a page. */
export interface Block {
  readonly page: string;
  /** Where it begins, from 1. */
  readonly line: number;
  /** Behind the fence: `sh`, `ts`, `text`. */
  readonly language: string;
  /** The comment in the line above the fence, which says what this block is; see readme.test.ts. */
  readonly note: string | undefined;
  /** What stands between the fences, with a newline at its end. */
  readonly text: string;
}

/** Reads one page. */
export function page(path: string): Page {
  return { path, text: readFileSync(join(root, path), "utf8") };
}

/** The README, how to contribute, everything below `docs/`, and the packages' own READMEs. */
export function allPages(): Page[] {
  const packages = readdirSync(join(root, "packages")).map((name) => join("packages", name));
  const paths = [
    ...markdownIn("."),
    ...markdownIn("docs", true),
    ...packages.flatMap((folder) => markdownIn(folder)),
  ];
  return paths.map(page);
}

/** The fenced blocks of a page, in order. */
export function blocksOf({ path, text }: Page): Block[] {
  const lines = text.split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const language = /^```(\S*)/.exec(lines[at] ?? "")?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf("```", at + 1);
    if (end < 0) throw new Error(`${path}:${at + 1} opens a block that nothing closes`);
    blocks.push({
      page: path,
      line: at + 1,
      language,
      note: /^<!-- (.*) -->$/.exec(lines[at - 1] ?? "")?.[1],
      text: `${lines.slice(at + 1, end).join("\n")}\n`,
    });
    at = end;
  }
  return blocks;
}

/** The rows of every table of a page, as cells without the ticks around code. */
export function tableRows({ text }: Page): string[][] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|[\s|:-]+\|$/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll("`", "")),
    );
}

/** Where the links of a page lead that stay in the repository. */
export function linksOf({ text }: Page): string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors that the headings of a page make. */
export function anchorsOf({ text }: Page): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function markdownIn(folder: string, recursive = false): string[] {
  return readdirSync(join(root, folder), { recursive, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes("node_modules") && !path.endsWith("CHANGELOG.md"))
    .sort();
}
