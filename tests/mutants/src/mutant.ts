/** The packages whose rules are broken here. */
export type MutatedPackage = "core" | "server" | "client" | "replica";

/** A change of one piece of text. */
interface Edit {
  /** What is there: found exactly once in the file. */
  readonly search: string;
  /** What stands there instead. */
  readonly replacement: string;
}

/** A rule of safety, how it is broken, and the test that has to notice. */
export interface Mutant {
  /** A name of its own, in words with hyphens. */
  readonly name: string;
  /** The rule, as a sentence. */
  readonly rule: string;
  readonly package: MutatedPackage;
  /** The file that is broken, below the package's `src`. */
  readonly file: string;
  readonly edits: readonly Edit[];
  /** The package of the test; that of the broken file unless it says otherwise. */
  readonly testPackage?: MutatedPackage;
  /** The file of the test, below the `src` of its package. */
  readonly testFile: string;
  /** A part of the test's title, without the requirements it names. */
  readonly test: string;
  /** Where the title stands when a test file takes its tests from another one. */
  readonly titledIn?: string;
}

/** Where a mutant lies in a copy of the repository. */
export function pathOf(mutant: Mutant): string {
  return `packages/${mutant.package}/src/${mutant.file}`;
}

/** Where the title of the test of a mutant stands. */
export function testPathOf(mutant: Mutant): string {
  return `packages/${testPackageOf(mutant)}/src/${mutant.titledIn ?? mutant.testFile}`;
}

/** The package whose tests have to notice. */
export function testPackageOf(mutant: Mutant): MutatedPackage {
  return mutant.testPackage ?? mutant.package;
}

/**
 * Breaks the rule in the text of its file.
 * @throws Error when a piece of text is not found exactly once: the code has changed, and the table must follow
 */
export function broken(mutant: Mutant, text: string): string {
  let result = text;
  for (const { search, replacement } of mutant.edits) {
    const found = result.split(search).length - 1;
    if (found !== 1)
      throw new Error(
        `${mutant.name}: ${pathOf(mutant)} has ${found} places like ${JSON.stringify(search)}, not one: adapt the table`,
      );
    result = result.replace(search, () => replacement);
  }
  return result;
}
