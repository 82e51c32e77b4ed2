import type { CopyProgress } from "@lockstep/server";
import { printProblems } from "./print.ts";
import { printable } from "./printable.ts";

/** Says at each tenth of a long copy how far it has come, on standard error. */
export function copyReporter(): (progress: CopyProgress) => void {
  let current = "";
  let tenths = 0n;
  return ({ namespace, revision, tail }) => {
    if (namespace !== current) tenths = 0n;
    current = namespace;
    const reached = (revision * 10n) / tail;
    if (reached <= tenths || revision >= tail) return;
    tenths = reached;
    printProblems([`${printable(namespace)}: revision ${revision} of ${tail}`]);
  };
}
