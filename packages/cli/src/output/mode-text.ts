import { LockMode } from "@lockstep/protocol";
import { nameIn } from "./name-in.ts";

/** A mode as the protocol calls it, with the number of permits. */
export function modeName(mode: LockMode, permits: number): string {
  const name = nameIn(LockMode, mode);
  return mode === LockMode.PERMITS ? `${name}(${permits})` : name;
}

/** A mode as people read it. */
export function modeText(mode: LockMode, permits: number): string {
  if (mode === LockMode.PERMITS) return permits === 1 ? "1 permit" : `${permits} permits`;
  return nameIn(LockMode, mode).toLowerCase();
}
