import ts from "typescript";

/** One hand-written file, parsed. */
export interface Source {
  /** From the root of the repository, with `/`. */
  path: string;
  text: string;
  ast: ts.SourceFile;
}

/** One place where a rule does not hold. */
export interface Finding {
  path: string;
  /** From 1. */
  line: number;
  message: string;
}

export type Rule = (source: Source) => Finding[];

export function parse(path: string, text: string): Source {
  return { path, text, ast: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
}

export function finding(source: Source, node: ts.Node, message: string): Finding {
  const { line } = source.ast.getLineAndCharacterOfPosition(node.getStart(source.ast));
  return { path: source.path, line: line + 1, message };
}

/** Every node of the file, parents first. */
export function* nodes(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of node.getChildren()) yield* nodes(child);
}

/** What a file imports, re-exports or loads with `import()`, each with its place. */
export function imports(source: Source): { specifier: string; node: ts.Node }[] {
  return [...nodes(source.ast)].flatMap((node) => {
    const text = specifierOf(node);
    return text && ts.isStringLiteralLike(text) ? [{ specifier: text.text, node }] : [];
  });
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node)) {
    return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined;
  }
  if (!ts.isCallExpression(node)) return undefined;
  const loads =
    node.expression.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(node.expression) && node.expression.text === "require");
  return loads ? node.arguments[0] : undefined;
}

/** The package a file belongs to, such as `core`, when it lies below `packages/`. */
export function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}

/** Tests, and what only they use. */
export function isTest(path: string): boolean {
  return /\.test(-d)?\.ts$|\/testing-support\/|^(tests|packages\/integration|benchmarks)\//.test(
    path,
  );
}
