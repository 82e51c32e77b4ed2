import type { Finding } from "./finding.ts";
import type { TextFile } from "./repository.ts";

/** One numbered requirement. */
export interface Requirement {
  /** Such as `LOCK-40`. */
  id: string;
  /** Whom it binds. */
  side: string;
  /** What is required, without the reason behind it. */
  text: string;
  /** Whether it is a MUST or MUST NOT, so that a test has to name it. */
  must: boolean;
  path: string;
  line: number;
}

/** What a chapter says, and where it breaks its own form. */
export interface Chapter {
  requirements: Requirement[];
  findings: Finding[];
}

/** The prefix of the ids of each chapter. */
const PREFIXES: Record<string, string> = {
  "docs/spec/general.md": "GEN",
  "docs/spec/sessions.md": "SES",
  "docs/spec/locks.md": "LOCK",
  "docs/spec/recovery.md": "REC",
  "docs/spec/datasets.md": "DATA",
  "docs/spec/replication.md": "REP",
  "docs/spec/digest.md": "DIG",
};
const KEYWORDS = /\b(MUST( NOT)?|SHOULD( NOT)?|MAY)\b/;
const SENTENCES_MAX = 2;

/** Reads a chapter: a list item is a requirement, all else is prose. */
export function readChapter({ path, text }: TextFile): Chapter {
  const requirements: Requirement[] = [];
  const findings: Finding[] = [];
  for (const { line, block } of blocks(text)) {
    const item =
      /^- \*\*([A-Z]+-\d+)\*\* \((server|client|resource|replica|everybody)\) (.+)$/s.exec(block);
    if (item) {
      const [, id = "", side = "", rest = ""] = item;
      const [body = "", ...reasons] = rest.split(/(?<=\s)(?=_[A-Z])/);
      const requirement = { id, side, text: body.trim(), must: /\bMUST\b/.test(body), path, line };
      requirements.push(requirement);
      const problems = problemsOf(requirement, reasons);
      findings.push(...problems.map((message) => ({ path, line, message })));
    } else if (block.startsWith("- ")) {
      findings.push({ path, line, message: "is no requirement: - **ID** (side) sentence" });
    } else if (KEYWORDS.test(block)) {
      findings.push({ path, line, message: "has a keyword outside a requirement" });
    }
  }
  return { requirements, findings: [...findings, ...disorder(requirements)] };
}

function problemsOf({ id, text, path }: Requirement, reasons: string[]): string[] {
  const problems: string[] = [];
  if (!id.startsWith(`${PREFIXES[path]}-`)) problems.push(`${id} belongs to another chapter`);
  if (!KEYWORDS.test(text)) problems.push(`${id} has no keyword`);
  if (reasons.some((reason) => KEYWORDS.test(reason))) {
    problems.push(`${id} requires something in its reason`);
  }
  if (reasons.length > 1 || reasons.some((reason) => !/[.!?]_\s*$/.test(reason))) {
    problems.push(`${id} has more after its reason`);
  }
  const sentences = text.match(/\.(?=\s|$)/g)?.length ?? 0;
  if (sentences < 1 || sentences > SENTENCES_MAX) problems.push(`${id} has ${sentences} sentences`);
  return problems;
}

/** Ids that do not rise; an id that stands twice is one of them. */
function disorder(requirements: readonly Requirement[]): Finding[] {
  return requirements.flatMap(({ id, path, line }, index) => {
    const before = requirements[index - 1];
    if (before === undefined || numberOf(before.id) < numberOf(id)) return [];
    return [{ path, line, message: `${id} does not come after ${before.id}` }];
  });
}

function numberOf(id: string): number {
  return Number(id.slice(id.indexOf("-") + 1));
}

/** The paragraphs and list items of a Markdown text. */
function* blocks(text: string): Generator<{ line: number; block: string }> {
  let start = 0;
  let lines: string[] = [];
  for (const [index, line] of [...text.split("\n"), ""].entries()) {
    if (line.trim() === "" || line.startsWith("- ")) {
      if (lines.length > 0) yield { line: start + 1, block: lines.join(" ") };
      lines = [];
    }
    if (line.trim() === "") continue;
    if (lines.length === 0) start = index;
    lines.push(line.trim());
  }
}
