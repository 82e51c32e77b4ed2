import { type Limits, LockMode, type LockTarget } from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import { checkEnum, checkName } from "./fields.ts";

/** The most permits of a key, and so of a request. */
export const PERMITS_MAX = 1_000_000;

/** Demands what an acquire wants: each key once. */
export function checkTargets(targets: readonly LockTarget[], limits: Limits): void {
  const max = limits.max_targets;
  if (targets.length < 1 || targets.length > max) {
    throw invalidField("targets", `must have 1 to ${max} entries`);
  }
  const keys = new Set<string>();
  for (const [index, { key, mode, permits }] of targets.entries()) {
    const field = `targets[${index}]`;
    checkName(`${field}.key`, key);
    if (keys.has(key)) throw invalidField(`${field}.key`, "must not be that of another target");
    keys.add(key);
    checkMode(`${field}.mode`, mode);
    checkPermits(`${field}.permits`, mode, permits);
  }
}

/** Demands a way to hold a key. */
export function checkMode(field: string, mode: LockMode): void {
  checkEnum(field, LockMode, mode, "required");
}

function checkPermits(field: string, mode: LockMode, permits: number): void {
  if (mode !== LockMode.PERMITS) {
    if (permits !== 0) throw invalidField(field, "must be 0 unless the mode is PERMITS");
  } else if (permits < 1 || permits > PERMITS_MAX) {
    throw invalidField(field, `must be 1 to ${PERMITS_MAX} with PERMITS`);
  }
}
