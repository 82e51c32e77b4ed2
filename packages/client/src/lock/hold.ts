import type { Granted, SessionHold } from "@lockstep/protocol";
import type { LossReason } from "../errors.ts";
import type { LockHandle } from "./handle.ts";
import type { HeldTarget, ReleaseRequested } from "./lock.ts";
import { covers, type LockModeName, modeNameOf } from "./modes.ts";
import { Turns } from "./turns.ts";

/** One hold of the session as its client knows it: what all handles of it share. */
export class Hold {
  readonly holdId: bigint;
  /** The revision it is known to exist at. */
  readonly since: bigint;
  /** Every handle of it that is not over. */
  readonly handles = new Set<LockHandle>();
  /** How it was lost, as soon as that is known, whatever its handles have under way. */
  lost: LossReason | undefined;
  /** The revision of the newest reply that told how many grants it counts. */
  countedAt = 0n;
  /** Handles that the server does not count, because it has lost a part of its history: releasing so many is not told. */
  uncounted = 0;
  // Made when they are asked for: few holds are changed.
  #conversions: Turns | undefined;
  #values: Turns | undefined;
  #token: bigint;
  #targets: readonly HeldTarget[];
  // The revision of the newest reply that told its modes.
  #changedAt = 0n;
  #asked: ReleaseRequested | undefined;

  constructor({ holdId, token }: Granted, targets: readonly HeldTarget[]) {
    this.holdId = holdId;
    this.since = token;
    this.#token = token;
    this.#targets = targets;
  }

  /** Conversions, one after the other. */
  get conversions(): Turns {
    this.#conversions ??= new Turns();
    return this.#conversions;
  }

  /** Changes of its value, one after the other. */
  get values(): Turns {
    this.#values ??= new Turns();
    return this.#values;
  }

  /** The token it has now. */
  get token(): bigint {
    return this.#token;
  }

  /** What is held, in the modes it has now. */
  get targets(): readonly HeldTarget[] {
    return this.#targets;
  }

  /** The latest request that it be released. */
  get asked(): ReleaseRequested | undefined {
    return this.#asked;
  }

  /** The keys, the first one asked for first. */
  get keys(): readonly string[] {
    return this.#targets.map(({ key }) => key);
  }

  /**
   * How a key is held.
   * @throws TypeError for a key that is not held by it
   */
  target(key: string): HeldTarget {
    const target = this.#targets.find((one) => one.key === key);
    if (target) return target;
    throw new TypeError(`this lock is on ${this.keys.join(", ")}, not on ${JSON.stringify(key)}`);
  }

  /** From here on a key has this mode. */
  setMode(key: string, mode: LockModeName): void {
    this.#targets = this.#targets.map((target) =>
      target.key === key ? { ...target, mode } : target,
    );
  }

  /** A conversion was granted at `revision`. */
  converted(key: string, mode: LockModeName, token: bigint, revision: bigint): void {
    this.setMode(key, mode);
    if (token > this.#token) this.#token = token;
    if (revision > this.#changedAt) this.#changedAt = revision;
  }

  /**
   * Takes over what a complete list at `revision` says of it, unless something newer is known or under way. False:
   * it is less than it was, because the server has lost a part of its history; nobody may work under it.
   */
  adopt({ token, targets }: SessionHold, revision: bigint): boolean {
    if (revision < this.#changedAt || this.conversions.busy) return true;
    if (token < this.#token) return false;
    const listed = targets.map(({ key, mode }) => ({ key, mode: modeNameOf(mode) }));
    const isWeaker = (held: HeldTarget) =>
      listed.some(({ key, mode }) => key === held.key && mode && !covers(mode, held.mode));
    if (this.#targets.some(isWeaker)) return false;
    this.#changedAt = revision;
    this.#token = token;
    for (const { key, mode } of listed) if (mode) this.setMode(key, mode);
    return true;
  }

  /** The server has taken it. Returns the handles that have to be told; whatever they have under way is theirs. */
  lose(reason: LossReason): LockHandle[] {
    this.lost ??= reason;
    const lost: LockHandle[] = [];
    for (const handle of this.handles) {
      if (handle.isHeld && handle.markLost(reason)) lost.push(handle);
    }
    return lost;
  }

  /** Somebody asks that it be released. Each request is told once. */
  ask(asked: ReleaseRequested): void {
    if (this.#asked && asked.revision <= this.#asked.revision) return;
    this.#asked = asked;
    for (const handle of [...this.handles]) handle.announceAsked(asked);
  }
}
