import ts from "typescript";
import { nodes, type Source } from "../source.ts";

export const linesPerFileMax = 300;
export const linesPerFunctionMax = 60;

/** Places that are larger than the limit, with their size: `path` for a file, `path#name` for a function. */
export type Sizes = Map<string, number>;

export function longFiles(files: { path: string; text: string }[]): Sizes {
  const sizes = files.map(({ path, text }) => [path, text.trimEnd().split("\n").length] as const);
  return new Map(sizes.filter(([, lines]) => lines > linesPerFileMax));
}

export function longFunctions(source: Source): Sizes {
  const sizes: Sizes = new Map();
  for (const node of nodes(source.ast)) {
    if (!ts.isFunctionLike(node) || isSuite(node)) continue;
    const lines = lineOf(source, node.getEnd()) - lineOf(source, node.getStart()) + 1;
    if (lines > linesPerFunctionMax) sizes.set(`${source.path}#${nameOf(node)}`, lines);
  }
  return sizes;
}

/** What is wrong with the list of exceptions: it may only shrink, so every entry is exactly as large as its place. */
export function ratchet(actual: Sizes, exceptions: Record<string, number>, max: number): string[] {
  const grown = [...actual].filter(([place, lines]) => lines > (exceptions[place] ?? max));
  const loose = Object.entries(exceptions).filter(
    ([place, lines]) => lines > (actual.get(place) ?? 0),
  );
  return [
    ...grown.map(
      ([place, lines]) =>
        `${place} has ${lines} lines (allowed: ${exceptions[place] ?? max}): split it`,
    ),
    ...loose.map(([place, lines]) =>
      actual.has(place)
        ? `${place} has shrunk: lower its exception from ${lines} to ${actual.get(place)}`
        : `${place} is within the limit: remove its exception`,
    ),
  ];
}

/** The function given to `describe` only groups tests. */
function isSuite(node: ts.Node): boolean {
  return ts.isCallExpression(node.parent) && /^describe\b/.test(node.parent.expression.getText());
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (ts.isConstructorDeclaration(node)) return `${node.parent.name?.text ?? "class"}.constructor`;
  if (node.name) return node.name.getText();
  const { parent } = node;
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent))
    return parent.name.getText();
  const title = ts.isCallExpression(parent) ? parent.arguments[0] : undefined;
  return title && ts.isStringLiteralLike(title) ? title.text : "anonymous";
}

function lineOf(source: Source, position: number): number {
  return source.ast.getLineAndCharacterOfPosition(position).line;
}
