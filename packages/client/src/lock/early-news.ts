import type { Granted } from "@lockstep/protocol";
import type { LossReason } from "../errors.ts";
import type { ReleaseRequested } from "./lock.ts";

/** News about holds whose grant has not arrived yet; there are such only while an acquire is under way. */
export class EarlyNews {
  readonly #lost = new Map<bigint, LossReason>();
  readonly #asked = new Map<bigint, ReleaseRequested>();
  // What the last complete list said: a grant at or below its revision that it did not list is lost.
  #listed: { revision: bigint; holdIds: ReadonlySet<bigint> } = {
    revision: 0n,
    holdIds: new Set(),
  };

  /** The server has taken a hold. */
  lost(holdId: bigint, reason: LossReason): void {
    this.#lost.set(holdId, reason);
  }

  /** Somebody asks for a hold to be released. */
  asked(holdId: bigint, asked: ReleaseRequested): void {
    this.#asked.set(holdId, asked);
  }

  /** A complete list of the holds at a revision. */
  listed(revision: bigint, holdIds: ReadonlySet<bigint>): void {
    if (revision >= this.#listed.revision) this.#listed = { revision, holdIds };
  }

  /** How a hold whose grant arrives now was lost, if it was. */
  lossOf({ holdId, token }: Granted): LossReason | undefined {
    const early = this.#lost.get(holdId);
    if (early) return early;
    const unlisted = token <= this.#listed.revision && !this.#listed.holdIds.has(holdId);
    return unlisted ? "UNKNOWN" : undefined;
  }

  /** The latest request that a hold whose grant arrives now be released. */
  askedOf(holdId: bigint): ReleaseRequested | undefined {
    return this.#asked.get(holdId);
  }

  /** No acquire is under way any more. */
  clear(): void {
    this.#lost.clear();
    this.#asked.clear();
  }
}
