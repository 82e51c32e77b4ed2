import { dirname } from "node:path/posix";
import type { Finding } from "../source.ts";

const absolutePath =
  /(?:^|[\s"'`(=:])(\/(?:home|root|Users|work)\/[^\s"'`)]*|[A-Z]:\\\w[^\s"'`)]*)/;
// In two halves, so that this file does not find itself.
const registryHost = new RegExp(
  `https?://(?:registry|proxy|index|static)\\.[\\w.]+|\\b(?:registry|proxy|index|static)\\.(?:${"npm"}js|yarnpkg|golang|crates)\\.\\w+`,
);

/** Neither this machine's folders nor its registries belong into the repository. */
export function namesNoMachine(path: string, text: string): Finding[] {
  return text.split("\n").flatMap((line, index) => {
    const found = absolutePath.exec(line)?.[1] ?? registryHost.exec(line)?.[0];
    return found
      ? [{ path, line: index + 1, message: `${found} names one machine or registry` }]
      : [];
  });
}

/** @param url the repository's address as the root package.json gives it, the one place where it stands */
export function namesOneRepository(path: string, text: string, url: string): Finding[] {
  const own = repositoryOf(url);
  return text.split("\n").flatMap((line, index) =>
    [...line.matchAll(/github\.com[/:]([\w.-]+\/lockstep)(?![\w-])/g)]
      .filter(([, name]) => name !== own)
      .map(([found]) => ({
        path,
        line: index + 1,
        message: `${found}: the repository is github.com/${own}`,
      })),
  );
}

/** What every published package's manifest has to say about where it comes from and where it runs. */
export function manifestAgrees(path: string, text: string, rootText: string): Finding[] {
  const manifest = JSON.parse(text);
  if (manifest.private) return [];
  const rootManifest = JSON.parse(rootText);
  const expected = {
    license: rootManifest.license,
    engines: rootManifest.engines,
    repository: { ...rootManifest.repository, directory: dirname(path) },
  };
  return Object.entries(expected)
    .filter(([key, value]) => JSON.stringify(manifest[key]) !== JSON.stringify(value))
    .map(([key, value]) => ({
      path,
      line: 1,
      message: `${key} should be ${JSON.stringify(value)}`,
    }));
}

function repositoryOf(url: string): string {
  const name = /github\.com\/([\w.-]+\/[\w-]+)/.exec(url)?.[1];
  if (name === undefined)
    throw new Error(`package.json: repository.url is no GitHub address: ${url}`);
  return name;
}
