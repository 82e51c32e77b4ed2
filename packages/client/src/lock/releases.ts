import { create } from "@bufbuild/protobuf";
import { ChurnMap, type Granted, ReleaseOutcome, ReleaseRequestSchema } from "@lockstep/protocol";
import type { CallKind } from "../calls/call.ts";
import type { Errand } from "../calls/dispatcher.ts";
import { requestError } from "../calls/fault.ts";
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

/** The releases of a session on their way. */
export class Releases {
  readonly #host: ReleasesHost;
  // How many grants nobody wants are on their way back, by hold.
  readonly #givingBack = new ChurnMap<bigint, number>();
  // Who waits for a release, by a number of their own.
  readonly #waiting = new ChurnMap<number, () => void>();
  #lastWaiting = 0;

  constructor(host: ReleasesHost) {
    this.#host = host;
  }

  /** How many grants of a hold that nobody wants are on their way back. */
  givingBack(holdId: bigint): number {
    return this.#givingBack.get(holdId) ?? 0;
  }

  /**
   * Releases a hold once. Resolves, also at the end of the session, with how the hold was lost, if it was.
   * @throws RequestError when the server refuses
   */
  release(holdId: bigint, token: bigint): Promise<LossReason | undefined> {
    return new Promise((resolve, reject) => {
      // Whatever happens to the session, the hold is over for the application that gave it back.
      const atEnd = () => resolve(undefined);
      this.#lastWaiting += 1;
      const waiting = this.#lastWaiting;
      this.#waiting.set(waiting, atEnd);
      const settled = () => this.#waiting.delete(waiting);
      // The server remembers only so many tokens of a hold, so the newest that is known now.
      const newest = this.#host.hold(holdId)?.token ?? token;
      this.#submit(
        { holdId, token: newest },
        (loss) => {
          settled();
          resolve(loss);
        },
        (error) => {
          settled();
          reject(error);
        },
      );
    });
  }

  /** Gives back a grant nobody wants, under just this token. */
  giveBack({ holdId, token }: Pick<Granted, "holdId" | "token">): void {
    this.#givingBack.set(holdId, this.givingBack(holdId) + 1);
    const settled = () => {
      const left = this.givingBack(holdId) - 1;
      if (left > 0) this.#givingBack.set(holdId, left);
      else this.#givingBack.delete(holdId);
    };
    this.#submit({ holdId, token }, settled, settled);
  }

  /** The session is over. */
  end(): void {
    for (const atEnd of [...this.#waiting.values()]) atEnd();
    this.#waiting.clear();
    this.#givingBack.clear();
  }

  #submit(
    { holdId, token }: Pick<Granted, "holdId" | "token">,
    done: (loss?: LossReason) => void,
    refused: (error: Error) => void,
  ): void {
    const { ids } = this.#host;
    const requestId = ids.next();
    this.#host.submit({
      kind: "release",
      request: () =>
        create(ReleaseRequestSchema, { requestId, answered: ids.answered(), holdId, token }),
      reply: ({ header, outcome, lostReason }) => {
        ids.answer(requestId);
        const hold = this.#host.hold(holdId);
        const revision = header?.revision ?? 0n;
        // A list that is older than this counts one more.
        if (hold && revision > hold.countedAt) hold.countedAt = revision;
        const loss = outcome === ReleaseOutcome.LOST ? lossReasonOf(lostReason) : undefined;
        done(loss);
        if (hold && outcome !== ReleaseOutcome.STILL_HELD) this.#host.ended(hold, loss);
        return true;
      },
      refused: (fault) => {
        ids.answer(requestId);
        refused(requestError(fault));
      },
    });
  }
}
