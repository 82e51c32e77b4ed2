import type { Holdings } from "../holdings.ts";
import { textOf } from "../rows.ts";
import type { StoreTx } from "../store/store.ts";
import type { AppliedChange, Apply } from "./applied-change.ts";

/** The user's `apply` failed; the transaction it ran in is undone. */
export class ApplyFailure extends Error {
  override readonly name = "ApplyFailure";
  readonly change: AppliedChange;

  constructor(change: AppliedChange, cause: unknown) {
    super(`apply failed on the change ${change.seq}`, { cause });
    this.change = change;
  }
}

/** Which changes are to be parked instead of given to `apply`, and why. */
export interface Parking {
  problemOf(change: AppliedChange): string | undefined;
}

/** Gives changes to the user's `apply` within one transaction, and parks those that it must not be given. */
export class Projection<Tx> {
  readonly #apply: Apply<Tx> | undefined;
  readonly #holdings: Holdings<Tx>;
  readonly #parking: Parking;
  readonly #tx: StoreTx<Tx>;
  /** Keys of which a change has been parked in this transaction. */
  readonly #parked = new Set<string>();

  constructor(
    apply: Apply<Tx> | undefined,
    holdings: Holdings<Tx>,
    parking: Parking,
    tx: StoreTx<Tx>,
  ) {
    this.#apply = apply;
    this.#holdings = holdings;
    this.#parking = parking;
    this.#tx = tx;
  }

  /** Whether anything has been parked. */
  get hasParked(): boolean {
    return this.#parked.size > 0;
  }

  /** @throws ApplyFailure */
  give(change: AppliedChange): void | Promise<void> {
    if (!this.#apply) return;
    const problem = this.#problemOf(change);
    if (problem !== undefined) {
      this.#parked.add(textOf(change.key));
      this.#tx.park({ ...change, problem });
      return;
    }
    try {
      const done = this.#apply(change, this.#tx.user);
      if (done) return this.#settle(change, done);
    } catch (error) {
      throw new ApplyFailure(change, error);
    }
    this.#tx.requireOpen();
  }

  async #settle(change: AppliedChange, done: Promise<void>): Promise<void> {
    try {
      await done;
    } catch (error) {
      throw new ApplyFailure(change, error);
    }
    this.#tx.requireOpen();
  }

  #problemOf(change: AppliedChange): string | undefined {
    if (this.#parked.has(textOf(change.key)) || this.#holdings.hasParked(change.key))
      return "an earlier change of this key is parked";
    return this.#parking.problemOf(change);
  }
}
