import ts from "typescript";
import { finding, imports, isTest, nodes, packageOf, type Rule, type Source } from "../source.ts";

/** The only files that may read a clock, set a timer or draw a random number. */
const portFile =
  /^packages\/(server|client|cli|testing|replica|simulation)\/src\/ports\/[^/]+\.ts$/;

/** Seeds the hashes of tables; nothing that can be seen depends on it. */
const seedFile = "packages/protocol/src/collections/hash.ts";

/** The only file that may sleep on behalf of a test. */
const sleepFile = "packages/integration/src/real-time.ts";

const timers = ["setTimeout", "setInterval", "setImmediate"];

/** Members that bring time or chance into a program, by the global they belong to. */
const members: Record<string, RegExp> = {
  Date: /^now$/,
  performance: /^now$/,
  process: /^hrtime$/,
  Math: /^random$/,
  crypto: /^(random|getRandomValues)/,
  webcrypto: /^(random|getRandomValues)/,
  AbortSignal: /^timeout$/,
};

const timeModules = ["timers", "timers/promises", "perf_hooks"];

export const timeAndChanceComeThroughPorts: Rule = (source) => {
  const inScope = packageOf(source.path) !== undefined && source.path.includes("/src/");
  const allowed = portFile.test(source.path) || source.path === seedFile;
  if (!inScope || isTest(source.path) || allowed) return [];
  const local = cryptoNames(source);
  return [
    ...timeImports(source, timeModules),
    ...[...nodes(source.ast)]
      .filter(
        (node) => isTimer(node) || isMember(node, local) || readsClock(node) || picksMember(node),
      )
      .map((node) => finding(source, node, `${node.getText()}: take it from a port (src/ports/)`)),
  ];
};

export const testsDoNotSleep: Rule = (source) => {
  if (!isTest(source.path) || source.path === sleepFile) return [];
  return [
    ...timeImports(source, ["timers", "timers/promises"]),
    ...[...nodes(source.ast)]
      .filter(isTimer)
      .map((node) => finding(source, node, `${node.getText()}: only realTime(ms, why) may wait`)),
  ];
};

function timeImports(source: Source, modules: string[]) {
  return imports(source)
    .filter(({ specifier }) => modules.includes(specifier.replace(/^node:/, "")))
    .map(({ specifier, node }) =>
      finding(source, node, `imports ${specifier}: time comes from elsewhere`),
    );
}

function isTimer(node: ts.Node): boolean {
  if (!ts.isIdentifier(node) || !timers.includes(node.text)) return false;
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node)
    return isGlobal(parent.expression);
  // A name that is declared here (a port's method, a property) is not the global.
  return !("name" in parent && parent.name === node) || ts.isShorthandPropertyAssignment(parent);
}

function isMember(node: ts.Node, cryptoNames: string[]): boolean {
  if (!ts.isPropertyAccessExpression(node)) return false;
  const { expression, name } = node;
  const object =
    ts.isPropertyAccessExpression(expression) && isGlobal(expression.expression)
      ? expression.name
      : expression;
  if (!ts.isIdentifier(object)) return false;
  const key = cryptoNames.includes(object.text) ? "crypto" : object.text;
  return Object.hasOwn(members, key) && (members[key]?.test(name.text) ?? false);
}

function readsClock(node: ts.Node): boolean {
  if (!ts.isNewExpression(node) && !ts.isCallExpression(node)) return false;
  return (
    ts.isIdentifier(node.expression) && node.expression.text === "Date" && !node.arguments?.length
  );
}

/** `const { now } = Date` and `import { randomUUID } from "node:crypto"`. */
function picksMember(node: ts.Node): boolean {
  if (ts.isImportSpecifier(node)) {
    const from = node.parent.parent.parent.moduleSpecifier;
    const isCrypto = ts.isStringLiteral(from) && /^(node:)?crypto$/.test(from.text);
    return (
      isCrypto && /^(random|getRandomValues|webcrypto)/.test((node.propertyName ?? node.name).text)
    );
  }
  if (!ts.isBindingElement(node) || !ts.isVariableDeclaration(node.parent.parent)) return false;
  const { initializer } = node.parent.parent;
  const name = node.propertyName ?? node.name;
  if (!initializer || !ts.isIdentifier(initializer) || !ts.isIdentifier(name)) return false;
  return (
    Object.hasOwn(members, initializer.text) &&
    (members[initializer.text]?.test(name.text) ?? false)
  );
}

/** The names under which a file knows the whole of node:crypto. */
function cryptoNames(source: Source): string[] {
  return source.ast.statements.filter(ts.isImportDeclaration).flatMap((statement) => {
    const from = statement.moduleSpecifier;
    if (!ts.isStringLiteral(from) || !/^(node:)?crypto$/.test(from.text)) return [];
    const clause = statement.importClause;
    const namespace =
      clause?.namedBindings && ts.isNamespaceImport(clause.namedBindings)
        ? [clause.namedBindings.name.text]
        : [];
    return clause?.name ? [clause.name.text, ...namespace] : namespace;
  });
}

function isGlobal(node: ts.Node): boolean {
  return ts.isIdentifier(node) && ["globalThis", "global", "window", "self"].includes(node.text);
}
