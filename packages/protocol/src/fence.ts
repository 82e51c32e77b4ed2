import { LockMode } from "./gen/lockstep/v1/common_pb.ts";
import { nameProblem } from "./names.ts";

/** What a protected resource is shown with every access: which key is held, how, with which token. */
export interface Sequencer {
  /** The key of the lock, a name of 1 to 512 bytes. */
  readonly key: string;
  /** The mode of the hold. */
  readonly mode: LockMode;
  /** The fencing token, 1 to 2^63 - 1. */
  readonly token: bigint;
}

const MODE_NAMES: ReadonlyMap<LockMode, string> = new Map([
  [LockMode.EXCLUSIVE, "EXCLUSIVE"],
  [LockMode.SHARED, "SHARED"],
  [LockMode.UPGRADABLE, "UPGRADABLE"],
  [LockMode.PERMITS, "PERMITS"],
]);
const FENCING_MODES: ReadonlySet<LockMode> = new Set([
  LockMode.EXCLUSIVE,
  LockMode.SHARED,
  LockMode.UPGRADABLE,
]);
const MAX_TOKEN = 2n ** 63n - 1n;

/** Prints a sequencer as `key/mode/token`, such as `orders/EXCLUSIVE/42`. */
export function formatSequencer({ key, mode, token }: Sequencer): string {
  const name = MODE_NAMES.get(mode);
  if (name === undefined) throw new TypeError(`mode ${mode} has no printable name`);
  return `${key}/${name}/${token}`;
}

/**
 * Reads what `formatSequencer` printed. The key may itself contain slashes.
 * @throws TypeError saying what is wrong with the text.
 */
export function parseSequencer(text: string): Sequencer {
  const match = /^(.*)\/([^/]*)\/([0-9]{1,19})$/s.exec(text);
  if (!match) throw new TypeError("a sequencer has the form key/mode/token");
  const [, key = "", name = "", digits = ""] = match;
  const mode = [...MODE_NAMES].find(([, known]) => known === name)?.[0];
  if (mode === undefined)
    throw new TypeError(`a sequencer's mode is one of ${[...MODE_NAMES.values()].join(", ")}`);
  const problem = nameProblem(key);
  if (problem) throw new TypeError(`a sequencer's key ${problem}`);
  const token = BigInt(digits);
  if (token < 1n || token > MAX_TOKEN) throw new TypeError("a sequencer's token is 1 to 2^63 - 1");
  return { key, mode, token };
}

/**
 * The rule by which a resource protects itself. It keeps two numbers per key: the highest token of any mode and the
 * highest EXCLUSIVE one. An EXCLUSIVE access below the former is refused, any other below the latter. Keep the numbers
 * where the resource keeps its data, and change them in the same transaction; this class is the rule, not the storage.
 */
export class FenceGuard {
  readonly #highest = new Map<string, { any: bigint; exclusive: bigint }>();

  /**
   * Decides one access, reads too. True admits it and remembers its token; false means that a newer
   * holder has been here: refuse the access.
   * @throws TypeError for a mode that cannot fence: several hold PERMITS at once, in any order, so that a low token
   * does not tell who came too late
   */
  admit({ key, mode, token }: Sequencer): boolean {
    if (!FENCING_MODES.has(mode)) {
      const name = MODE_NAMES.get(mode) ?? `mode ${mode}`;
      throw new TypeError(
        `${name} cannot fence: guard ${JSON.stringify(key)} with EXCLUSIVE, SHARED or UPGRADABLE locks`,
      );
    }
    const seen = this.#highest.get(key) ?? { any: 0n, exclusive: 0n };
    const exclusive = mode === LockMode.EXCLUSIVE;
    if (token < (exclusive ? seen.any : seen.exclusive)) return false;
    this.#highest.set(key, {
      any: token > seen.any ? token : seen.any,
      exclusive: exclusive && token > seen.exclusive ? token : seen.exclusive,
    });
    return true;
  }
}
