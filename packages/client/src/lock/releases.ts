import {
  ChurnMap,
  type Granted,
  ReleaseOutcome,
  type ReleaseRequest,
  type ReleaseResponse,
} from "@lockstep/protocol";
import type { CallKind } from "../calls/call.ts";
import type { Errand } from "../calls/dispatcher.ts";
import { type Fault, requestError } from "../calls/fault.ts";
import type { LossReason } from "../errors.ts";
import { lossReasonOf } from "../session/loss.ts";
import type { RequestIds } from "../session/request-ids.ts";
import type { Hold } from "./hold.ts";

/** What releases ask of their session. */
export interface ReleasesHost {
  readonly ids: RequestIds;
  submit<K extends CallKind>(errand: Errand<K>): () => void;
  /** A hold that a handle believes in. */
  hold(holdId: bigint): Hold | undefined;
  /** A hold is over for all its handles. */
  ended(hold: Hold, loss: LossReason | undefined): void;
}

/** Who waits for a release. One of the two is called, once. */
export interface ReleaseWaiter {
  /** It is over, also because the session is. `loss`: how the hold was lost, if it was. */
  released(loss: LossReason | undefined): void;
  /** The server refuses. */
  refused(error: Error): void;
}

/** The releases of a session on their way. */
export class Releases {
  readonly #host: ReleasesHost;
  // How many grants nobody wants are on their way back, by hold.
  readonly #givingBack = new ChurnMap<bigint, number>();
  readonly #pending = new ChurnMap<bigint, PendingRelease>();

  constructor(host: ReleasesHost) {
    this.#host = host;
  }

  /** How many grants of a hold that nobody wants are on their way back. */
  givingBack(holdId: bigint): number {
    return this.#givingBack.get(holdId) ?? 0;
  }

  /** Releases a hold once. */
  release(holdId: bigint, token: bigint, waiter: ReleaseWaiter): void {
    // The server remembers only so many tokens of a hold, so the newest that is known now.
    this.#submit(holdId, this.#host.hold(holdId)?.token ?? token, waiter);
  }

  /** Gives back a grant nobody wants, under just this token. */
  giveBack({ holdId, token }: Pick<Granted, "holdId" | "token">): void {
    this.#givingBack.set(holdId, this.givingBack(holdId) + 1);
    const given = () => {
      const left = this.givingBack(holdId) - 1;
      if (left > 0) this.#givingBack.set(holdId, left);
      else this.#givingBack.delete(holdId);
    };
    this.#submit(holdId, token, { released: given, refused: given });
  }

  /** The session is over. Whatever becomes of the holds, they are over for the application that gave them back. */
  end(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { waiter } of pending) waiter.released(undefined);
  }

  #submit(holdId: bigint, token: bigint, waiter: ReleaseWaiter): void {
    const release = new PendingRelease(this.#host, this.#pending, { holdId, token }, waiter);
    this.#pending.set(release.requestId, release);
    this.#host.submit(release);
  }
}

/** One release, until its outcome is known. */
class PendingRelease implements Errand<"release"> {
  readonly kind = "release";
  readonly requestId: bigint;
  readonly waiter: ReleaseWaiter;
  readonly #host: ReleasesHost;
  readonly #pending: ChurnMap<bigint, PendingRelease>;
  readonly #held: Pick<Granted, "holdId" | "token">;

  constructor(
    host: ReleasesHost,
    pending: ChurnMap<bigint, PendingRelease>,
    held: Pick<Granted, "holdId" | "token">,
    waiter: ReleaseWaiter,
  ) {
    this.requestId = host.ids.next();
    this.waiter = waiter;
    this.#host = host;
    this.#pending = pending;
    this.#held = held;
  }

  request(): ReleaseRequest {
    const { holdId, token } = this.#held;
    return {
      $typeName: "lockstep.v1.ReleaseRequest",
      requestId: this.requestId,
      answered: this.#host.ids.answered(),
      holdId,
      token,
      correlationId: "",
    };
  }

  reply({ header, outcome, lostReason }: ReleaseResponse): boolean {
    const isAwaited = this.#answered();
    const hold = this.#host.hold(this.#held.holdId);
    const revision = header?.revision ?? 0n;
    // A list that is older than this counts one more.
    if (hold && revision > hold.countedAt) hold.countedAt = revision;
    const loss = outcome === ReleaseOutcome.LOST ? lossReasonOf(lostReason) : undefined;
    // Before the waiter, who may run the application's code.
    if (hold && outcome !== ReleaseOutcome.STILL_HELD) this.#host.ended(hold, loss);
    if (isAwaited) this.waiter.released(loss);
    return true;
  }

  refused(fault: Fault): void {
    if (this.#answered()) this.waiter.refused(requestError(fault));
  }

  /** Takes note of the final reply; whether anybody still waits for it. */
  #answered(): boolean {
    this.#host.ids.answer(this.requestId);
    return this.#pending.delete(this.requestId);
  }
}
