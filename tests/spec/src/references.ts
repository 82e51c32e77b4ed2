import ts from "typescript";
import type { TextFile } from "./repository.ts";

/** A test that says it checks a requirement. */
export interface Reference {
  id: string;
  path: string;
  /** From 1. */
  line: number;
}

/** One id, or several with commas between them. */
const BRACKETS = /\[([A-Z]+-\d+(?:, [A-Z]+-\d+)*)\]/g;

/** The requirements that the tests of a file name, each with its place. */
export function referencesIn(file: TextFile): Reference[] {
  if (file.path.endsWith(".ts")) return inTypeScript(file);
  const test = file.path.endsWith(".go") ? /^func Test\w*\(/ : /^\s*(async )?fn \w+\(/;
  return inComments(file, test);
}

/** Titles of `test` and `it`, also behind `each` and the like. */
function inTypeScript({ path, text }: TextFile): Reference[] {
  if (!/from "vitest"/.test(text)) return [];
  const ast = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const references: Reference[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && isTest(node.expression) && node.arguments[0] !== undefined) {
      const { line } = ast.getLineAndCharacterOfPosition(node.arguments[0].getStart(ast));
      const ids = idsIn(titleOf(node.arguments[0]));
      references.push(...ids.map((id) => ({ id, path, line: line + 1 })));
    }
    ts.forEachChild(node, visit);
  };
  visit(ast);
  return references;
}

/** Whether this is `test`, `it`, or what one of their methods returns. */
function isTest(callee: ts.Expression): boolean {
  if (ts.isIdentifier(callee)) return callee.text === "test" || callee.text === "it";
  if (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) {
    return isTest(callee.expression);
  }
  return ts.isTaggedTemplateExpression(callee) && isTest(callee.tag);
}

/** A title without what is put into it when the test runs. */
function titleOf(node: ts.Expression): string {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return "";
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join("");
}

/** Comments and, in Rust, attributes directly above a test function. */
function inComments({ path, text }: TextFile, test: RegExp): Reference[] {
  const lines = text.split("\n");
  return lines.flatMap((line, index) => {
    if (!test.test(line)) return [];
    const above: { line: number; text: string }[] = [];
    for (let at = index - 1; /^\s*(\/\/|#\[)/.test(lines[at] ?? ""); at -= 1) {
      above.unshift({ line: at + 1, text: lines[at] ?? "" });
    }
    const isRustTest = above.some(({ text }) => /#\[(\w+::)?test\b/.test(text));
    if (path.endsWith(".rs") && !isRustTest) return [];
    const comments = above.filter(({ text }) => !text.trim().startsWith("#["));
    return comments.flatMap(({ line, text }) => idsIn(text).map((id) => ({ id, path, line })));
  });
}

function idsIn(text: string): string[] {
  return [...text.matchAll(BRACKETS)].flatMap(([, ids = ""]) => ids.split(", "));
}
