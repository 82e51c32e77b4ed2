import { isBuiltin } from "node:module";
import { dirname, join, normalize } from "node:path/posix";
import {
  type Finding,
  finding,
  imports,
  isTest,
  packageOf,
  type Rule,
  type Source,
} from "../source.ts";

/** Who may import whom. What is missing here may import everything of ours but `cli`. */
const mayImport: Record<string, string[]> = {
  protocol: [],
  core: ["protocol"],
  client: ["protocol"],
  server: ["core", "protocol"],
  replica: ["client", "protocol"],
  testing: ["server", "client", "protocol"],
};

/** Packages that run where there is no Node, with the only packages they may use. */
const pure: Record<string, string[]> = {
  protocol: ["@bufbuild/protobuf", "@connectrpc/connect", "@noble/hashes"],
  core: ["@lockstep/protocol", "@bufbuild/protobuf"],
};

export const importsFollowTheLayers: Rule = (source) => {
  const own = packageOf(source.path);
  return imports(source).flatMap(({ specifier, node }) => {
    const target = /^@lockstep\/([^/]+)/.exec(specifier)?.[1];
    if (target !== undefined && target !== own && !allows(own, target)) {
      return [finding(source, node, `${own ?? "this file"} must not import ${specifier}`)];
    }
    return leavesPackage(source.path, specifier)
      ? [
          finding(
            source,
            node,
            `imports ${specifier} from outside its package: import the package instead`,
          ),
        ]
      : [];
  });
};

export const pureLayersStayPure: Rule = (source) => {
  const allowed = pure[packageOf(source.path) ?? ""];
  if (!allowed || isTest(source.path) || !source.path.includes("/src/")) return [];
  return imports(source)
    .filter(({ specifier }) => !specifier.startsWith("."))
    .filter(
      ({ specifier }) =>
        !allowed.some((name) => specifier === name || specifier.startsWith(`${name}/`)),
    )
    .map(({ specifier, node }) =>
      finding(source, node, `${packageOf(source.path)} is pure: it must not import ${specifier}`),
    );
};

/** Follows the relative imports of the entries that browsers load. */
export function browserEntriesImportNoNode(sources: Source[]): Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const waiting = [
    "packages/client/src/index.ts",
    "packages/client/src/web.ts",
    "packages/replica/src/index.ts",
  ];
  const seen = new Set<string>();
  const findings: Finding[] = [];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = byPath.get(path);
    if (!source || seen.has(path)) continue;
    seen.add(path);
    for (const { specifier, node } of imports(source)) {
      if (specifier.startsWith(".")) waiting.push(normalize(join(dirname(path), specifier)));
      if (isBuiltin(specifier) || specifier === "@connectrpc/connect-node") {
        findings.push(
          finding(source, node, `a browser loads this file: it must not import ${specifier}`),
        );
      }
    }
  }
  return findings;
}

/** @param manifest the text of a package.json */
export function dependenciesFollowTheLayers(path: string, manifest: string): Finding[] {
  const own = packageOf(path);
  if (own === undefined || mayImport[own] === undefined) return [];
  const { dependencies, devDependencies, peerDependencies } = JSON.parse(manifest);
  return Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies })
    .filter((name) => name.startsWith("@lockstep/"))
    .filter((name) => !allows(own, name.slice("@lockstep/".length)))
    .map((name) => ({ path, line: 1, message: `${own} must not depend on ${name}` }));
}

function allows(own: string | undefined, target: string): boolean {
  return target !== "cli" && (mayImport[own ?? ""]?.includes(target) ?? true);
}

function leavesPackage(path: string, specifier: string): boolean {
  const folder = /^packages\/[^/]+\//.exec(path)?.[0];
  if (folder === undefined || !path.includes("/src/") || !specifier.startsWith(".")) return false;
  return !normalize(join(dirname(path), specifier)).startsWith(folder);
}
