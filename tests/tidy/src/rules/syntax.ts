import ts from "typescript";
import { finding, nodes, type Rule } from "../source.ts";

/**
 * Node runs our source by stripping the types, so what we write has no TypeScript that produces code. The compiler's
 * own option would also refuse the enums of generated code.
 */
export const onlyErasableSyntax: Rule = (source) =>
  [...nodes(source.ast)]
    .filter((node) => producesCode(node))
    .map((node) => finding(source, node, "this TypeScript produces code: types only, please"));

function producesCode(node: ts.Node): boolean {
  if (ts.isEnumDeclaration(node)) return !isDeclared(node);
  if (ts.isModuleDeclaration(node)) return !isDeclared(node);
  if (ts.isImportEqualsDeclaration(node) || ts.isExportAssignment(node)) {
    return !ts.isExportAssignment(node) || node.isExportEquals === true;
  }
  if (ts.isTypeAssertionExpression(node)) return true;
  return ts.isParameter(node) && ts.isParameterPropertyDeclaration(node, node.parent);
}

function isDeclared(node: ts.EnumDeclaration | ts.ModuleDeclaration): boolean {
  return node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword) ?? false;
}
