import { DriftAction, type DriftReport } from "@lockstep/protocol";
import { nameIn } from "./name-in.ts";

/** Drift that a replica has reported, in a few words. */
export function driftText({ asOf, missing, extra, divergent, action }: DriftReport): string {
  const counts = [
    missing > 0n && `${missing} missing`,
    extra > 0n && `${extra} extra`,
    divergent > 0n && `${divergent} divergent`,
  ].filter((count) => count !== false);
  const what = counts.join(", ") || "rows not looked into";
  const done = action === DriftAction.NONE ? "reported" : nameIn(DriftAction, action).toLowerCase();
  return `${what} at ${asOf?.seq ?? 0n}, ${done}`;
}
