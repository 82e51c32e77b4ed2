import ts from "typescript";
import { type Finding, finding, nodes, packageOf, type Rule, type Source } from "../source.ts";

// Put together from halves, so that this file does not find itself.
const markers = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"];
const marker = new RegExp(`\\b(${markers.join("|")})\\b`);

const statement =
  /^(import|export|const|let|var|return|if|for|while|await|throw|function|class)\b.*[;{]$/;
const call = /^[\w.]+\(.*\);$/;
const closing = /^\}[;)]*$/;

export function noMarkers(path: string, text: string): Finding[] {
  return text.split("\n").flatMap((line, index) => {
    const found = marker.exec(line)?.[1];
    return found
      ? [{ path, line: index + 1, message: `${found}: do it, or write it down elsewhere` }]
      : [];
  });
}

/**
 * The other languages' ways to switch a test off or to sleep in one. A test that needs a second language's toolchain
 * may name what is missing; it then counts as skipped.
 */
export function otherLanguagesRunAllTests(path: string, text: string): Finding[] {
  const off = path.endsWith("_test.go")
    ? /\bt\.Skip\((?!"\w+ is not installed"\))|\btime\.Sleep\(/
    : /#\[ignore\b/;
  if (!/(_test\.go|\.rs)$/.test(path)) return [];
  return text.split("\n").flatMap((line, index) => {
    const found = off.exec(line)?.[0];
    return found ? [{ path, line: index + 1, message: `${found} in a test` }] : [];
  });
}

export const noSwitchedOffTests: Rule = (source) =>
  [...nodes(source.ast)]
    .filter(ts.isPropertyAccessExpression)
    .filter(({ name }) => ["only", "skip", "todo"].includes(name.text))
    .filter(({ expression }) => /^(describe|test|it|suite|bench)\b/.test(expression.getText()))
    .map((node) => finding(source, node, `${node.getText()}: every test runs, always`));

/** A library never writes to its user's terminal. */
export const librariesDoNotPrint: Rule = (source) => {
  const own = packageOf(source.path);
  const isLibrary = own !== undefined && !["cli", "integration", "simulation"].includes(own);
  if (!isLibrary || !source.path.includes("/src/") || source.path.endsWith(".test.ts")) return [];
  return [...nodes(source.ast)]
    .filter(ts.isPropertyAccessExpression)
    .filter(({ expression }) => ts.isIdentifier(expression) && expression.text === "console")
    .map((node) => finding(source, node, `${node.getText()} in a library`));
};

export const noCommentedOutCode: Rule = (source) =>
  comments(source).flatMap(({ text, line }) =>
    text.split("\n").flatMap((raw, index) => {
      const content = raw
        .replace(/^\s*(\/\/|\/\*|\*)?\s?/, "")
        .replace(/\*\/$/, "")
        .trim();
      const isCode = [statement, call, closing].some((shape) => shape.test(content));
      return isCode
        ? [{ path: source.path, line: line + index, message: `commented-out code: ${content}` }]
        : [];
    }),
  );

/** All comments but documentation, which may show examples. */
function comments(source: Source): { text: string; line: number }[] {
  const seen = new Set<number>();
  return [...nodes(source.ast)].flatMap((node) =>
    (ts.getLeadingCommentRanges(source.text, node.getFullStart()) ?? [])
      .filter(({ pos }) => !seen.has(pos) && seen.add(pos))
      .map(({ pos, end }) => ({ pos, text: source.text.slice(pos, end) }))
      .filter(({ text }) => !text.startsWith("/**"))
      .map(({ pos, text }) => ({
        text,
        line: source.ast.getLineAndCharacterOfPosition(pos).line + 1,
      })),
  );
}
