import { LockMode } from "@lockstep/protocol";

/**
 * How a key is held. EXCLUSIVE: alone. SHARED: beside other SHARED and one UPGRADABLE. UPGRADABLE: one at a time,
 * beside SHARED, and may become EXCLUSIVE. PERMITS: a number of the permits that the policy of the key offers.
 */
export type LockModeName = "EXCLUSIVE" | "SHARED" | "UPGRADABLE" | "PERMITS";

const MODES: Readonly<Record<LockModeName, LockMode>> = {
  EXCLUSIVE: LockMode.EXCLUSIVE,
  SHARED: LockMode.SHARED,
  UPGRADABLE: LockMode.UPGRADABLE,
  PERMITS: LockMode.PERMITS,
};

const NAMES: ReadonlyMap<LockMode, LockModeName> = new Map(
  Object.entries(MODES).map(([name, mode]) => [mode, name as LockModeName]),
);

// What may be done under a mode: everything that may be done under those after it.
const STRENGTH: readonly LockModeName[] = ["EXCLUSIVE", "UPGRADABLE", "SHARED"];

/**
 * The protocol's number of a mode.
 * @throws TypeError for anything but the name of a mode
 */
export function modeOf(name: LockModeName): LockMode {
  const mode = Object.hasOwn(MODES, name) ? MODES[name] : undefined;
  if (mode !== undefined) return mode;
  throw new TypeError(`a mode is one of ${Object.keys(MODES).join(", ")}, not ${String(name)}`);
}

/** The name of a mode that the server told; undefined for one that is newer than this client. */
export function modeNameOf(mode: LockMode): LockModeName | undefined {
  return NAMES.get(mode);
}

/** Whether a key held in mode `held` may be used as if it were held in mode `wanted`. */
export function covers(held: LockModeName, wanted: LockModeName): boolean {
  if (held === wanted) return true;
  const [strength, needed] = [STRENGTH.indexOf(held), STRENGTH.indexOf(wanted)];
  return strength >= 0 && needed >= 0 && strength < needed;
}
