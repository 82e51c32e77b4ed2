import { type Blocker, LockMode, type LockTarget } from "@lockstep/protocol";
import { modeName } from "../mode-text.ts";

/** What a line tells of an event, by name; what is empty is left out. */
export type Facts = Readonly<Record<string, string>>;

/** The keys and, where it is not EXCLUSIVE everywhere, the mode of each. */
export function targetFacts(targets: readonly LockTarget[]): Facts {
  const key = targets.map((target) => target.key).join(",");
  const plain = targets.every(({ mode }) => mode === LockMode.EXCLUSIVE);
  const modes = targets.map(({ mode, permits }) => modeName(mode, permits));
  const mode = new Set(modes).size === 1 ? (modes[0] ?? "") : modes.join(",");
  return { key, mode: plain ? "" : mode };
}

/** A number, or nothing when it is 0. */
export function unlessZero(value: bigint | number): string {
  return value > 0 ? String(value) : "";
}

/** `yes`, or nothing. */
export function ifSo(value: boolean): string {
  return value ? "yes" : "";
}

/** Who stands in a cycle or in the way, shortly. */
export function blockersText(blockers: readonly Blocker[]): string {
  return blockers.map(({ sessionId, key }) => `${sessionId}(${key})`).join(",");
}
