import { type Mutant, testPackageOf } from "./mutant.ts";
import { runTests } from "./run-tests.ts";
import { Scratch } from "./scratch.ts";

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  /** The test that failed with it; undefined when it survived. */
  readonly killedBy: string | undefined;
  /** Why it counts as a survivor; empty when it was killed. */
  readonly why: string;
}

/**
 * Runs the tests that shall kill these mutants on code that is not broken.
 * @throws Error when one fails: it would kill anything
 */
export async function mustPassUnbroken(mutants: readonly Mutant[]): Promise<void> {
  const scratch = new Scratch();
  try {
    for (const name of new Set(mutants.map(testPackageOf))) {
      const here = mutants.filter((mutant) => testPackageOf(mutant) === name);
      const files = new Set(here.map(({ testFile }) => testFile));
      const titles = new Set(here.map(({ test }) => test));
      const { tests, output } = await runTests(scratch.root, name, [...files], [...titles]);
      const failed = tests.filter(({ passed }) => !passed);
      if (tests.length === 0 || failed.length > 0)
        throw new Error(`the tests of ${name} fail although nothing is broken:\n${output}`);
    }
  } finally {
    scratch.remove();
  }
}

/** Breaks one rule after the other, in so many copies at once, and lets the named tests run. */
export async function attack(
  mutants: readonly Mutant[],
  copies: number,
  tell: (verdict: Verdict) => void = () => {},
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const rest = [...mutants];
  const work = async () => {
    const scratch = new Scratch();
    try {
      for (let mutant = rest.shift(); mutant !== undefined; mutant = rest.shift()) {
        const verdict = await verdictOn(scratch, mutant);
        tell(verdict);
        verdicts.push(verdict);
      }
    } finally {
      scratch.remove();
    }
  };
  await Promise.all(Array.from({ length: copies }, work));
  return verdicts.sort((a, b) => mutants.indexOf(a.mutant) - mutants.indexOf(b.mutant));
}

async function verdictOn(scratch: Scratch, mutant: Mutant): Promise<Verdict> {
  const { testFile, test } = mutant;
  const { tests, output } = await scratch.whileBroken(mutant, () =>
    runTests(scratch.root, testPackageOf(mutant), [testFile], [test]),
  );
  // Code that does not load is no mutant: whatever ran after it would say nothing of the rule.
  if (tests.length === 0)
    return { mutant, killedBy: undefined, why: `no test ran to its end:\n${output}` };
  const killer = tests.find(({ passed }) => !passed);
  return { mutant, killedBy: killer?.title, why: killer === undefined ? "its test passed" : "" };
}
