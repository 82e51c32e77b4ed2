import { type Chapter, type Requirement, readChapter } from "./chapter.ts";
import type { Finding } from "./finding.ts";
import { type Reference, referencesIn } from "./references.ts";
import { chapters, filesWithTests } from "./repository.ts";

/** What the specification requires, and which tests say that they check it. */
export interface Coverage {
  requirements: Requirement[];
  references: Reference[];
  /** Where chapters and tests break their form. */
  findings: Finding[];
}

/** Reads chapters and tests of this repository. */
export function coverageOfRepository(): Coverage {
  return coverageOf(chapters().map(readChapter), filesWithTests().flatMap(referencesIn));
}

export function coverageOf(read: readonly Chapter[], references: Reference[]): Coverage {
  const requirements = read.flatMap((chapter) => chapter.requirements);
  const known = new Set(requirements.map(({ id }) => id));
  const unknown = references
    .filter(({ id }) => !known.has(id))
    .map(({ id, path, line }) => ({ path, line, message: `names ${id}, which does not exist` }));
  const findings = [...read.flatMap((chapter) => chapter.findings), ...unknown];
  return { requirements, references, findings };
}

/** The MUSTs that no test names. */
export function unnamed({ requirements, references }: Coverage): Requirement[] {
  const named = new Set(references.map(({ id }) => id));
  return requirements.filter(({ id, must }) => must && !named.has(id));
}
