import { create } from "@bufbuild/protobuf";
import {
  type GetSessionResponse,
  type Granted,
  ReleaseOutcome,
  ReleaseRequestSchema,
} from "@lockstep/protocol";
import type { CallKind } from "../calls/call.ts";
import type { Errand } from "../calls/dispatcher.ts";
import { requestError } from "../calls/fault.ts";
import { LockLostError, type LossReason, RequestError } from "../errors.ts";
import type { Lease } from "../session/lease.ts";
import { lossReasonOf } from "../session/loss.ts";
import type { RequestIds } from "../session/request-ids.ts";
import { type AcquireHost, type AcquireWish, PendingAcquire } from "./acquire.ts";
import { cancelErrand } from "./cancel-errand.ts";
import { type HandleHost, type Lock, LockHandle } from "./handle.ts";

/** Acquires of one client under way at once; beyond it they are refused without being sent. */
export const PENDING_ACQUIRES_MAX = 8_192;

/** What the holds of a session ask of it. */
export interface HoldsHost {
  readonly ids: RequestIds;
  readonly lease: Lease;
  /** Decides what the clock says. */
  check(): void;
  submit<K extends CallKind>(errand: Errand<K>): () => void;
  /** Tells the server once, without waiting for the outcome, that a hold is not used. */
  releaseLate(holdId: bigint, token: bigint): void;
}

/** Everything a session holds and waits for, as its client knows it. */
export class Holds implements AcquireHost, HandleHost {
  readonly ids: RequestIds;
  readonly #host: HoldsHost;
  readonly #handles = new Map<bigint, LockHandle>();
  readonly #acquires = new Map<bigint, PendingAcquire>();
  readonly #releases = new Map<bigint, () => void>();
  // What the last complete list said: a grant at or below its revision that it did not list is lost.
  #listed: { revision: bigint; holdIds: ReadonlySet<bigint> } = {
    revision: 0n,
    holdIds: new Set(),
  };
  // Losses that arrived before the grant; only possible while an acquire is under way.
  readonly #lostEarly = new Map<bigint, LossReason>();

  constructor(host: HoldsHost) {
    this.#host = host;
    this.ids = host.ids;
  }

  acquire(wish: AcquireWish): Promise<Lock> {
    if (this.#acquires.size >= PENDING_ACQUIRES_MAX) {
      const metadata = { limit: "PENDING_ACQUIRES_MAX", max: String(PENDING_ACQUIRES_MAX) };
      const message = `this client already waits for ${PENDING_ACQUIRES_MAX} locks; wait for some of them, or use another client`;
      throw new RequestError("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED", message, metadata);
    }
    const acquire = new PendingAcquire(this, wish);
    this.#acquires.set(acquire.requestId, acquire);
    acquire.start();
    return acquire.outcome;
  }

  submit<K extends CallKind>(errand: Errand<K>): () => void {
    return this.#host.submit(errand);
  }

  adopt({ key }: AcquireWish, granted: Granted): Lock {
    const { holdId, token } = granted;
    const lost = this.#lossOf(granted);
    if (lost) throw new LockLostError(key, lost, token);
    const handle = new LockHandle(this, key, holdId, token);
    this.#handles.set(holdId, handle);
    return handle;
  }

  forget({ requestId }: PendingAcquire): void {
    this.#acquires.delete(requestId);
    if (this.#acquires.size === 0) this.#lostEarly.clear();
  }

  giveBack({ holdId, token }: Pick<Granted, "holdId" | "token">): void {
    this.#submitRelease(
      holdId,
      token,
      () => {},
      () => {},
    );
  }

  release(handle: LockHandle): Promise<LossReason | undefined> {
    const { holdId, token } = handle;
    return new Promise((resolve, reject) => {
      const done = (loss?: LossReason) => {
        this.#releases.delete(holdId);
        this.#handles.delete(holdId);
        resolve(loss);
      };
      // Whatever happens to the session, the hold is over for the application that gave it back.
      this.#releases.set(holdId, done);
      this.#submitRelease(holdId, token, done, (error) => {
        this.#releases.delete(holdId);
        reject(error);
      });
    });
  }

  releaseLate(holdId: bigint, token: bigint): void {
    this.#host.releaseLate(holdId, token);
  }

  check(): void {
    this.#host.check();
  }

  remainingMs(): number {
    return this.#host.lease.remainingMs();
  }

  atRisk(): boolean {
    return this.#host.lease.atRisk();
  }

  /** Acts on a complete list of what the server says the session holds and waits for. */
  actOn({ header, holds, tickets }: GetSessionResponse): void {
    const revision = header?.revision ?? 0n;
    const holdIds = new Set(holds.map(({ holdId }) => holdId));
    if (revision >= this.#listed.revision) this.#listed = { revision, holdIds };
    const gone = [...this.#handles.values()].filter(
      (handle) => handle.isHeld && handle.token <= revision && !holdIds.has(handle.holdId),
    );
    for (const { holdId, token, requestId } of holds) {
      if (this.#handles.has(holdId) || this.#acquires.has(requestId)) continue;
      this.giveBack({ holdId, token });
    }
    for (const { requestId } of tickets) {
      if (!this.#acquires.has(requestId)) this.#cancelUnknown(requestId);
    }
    this.#lose(gone, "UNKNOWN");
  }

  /** The server has taken a hold. */
  lost(holdId: bigint, reason: LossReason): void {
    const handle = this.#handles.get(holdId);
    if (handle?.isHeld) this.#lose([handle], reason);
    else if (!handle && this.#acquires.size > 0) this.#lostEarly.set(holdId, reason);
  }

  /** The session is over. Every handle is marked before the application hears of the first. */
  end(reason: LossReason | undefined, error: Error): void {
    const handles = [...this.#handles.values()];
    const acquires = [...this.#acquires.values()];
    this.#handles.clear();
    this.#acquires.clear();
    const lost = reason ? handles.filter((handle) => handle.isHeld && handle.markLost(reason)) : [];
    for (const done of [...this.#releases.values()]) done();
    for (const acquire of acquires) acquire.fail(error);
    for (const handle of lost) handle.announceLoss();
  }

  /** The handles that are still held. */
  held(): LockHandle[] {
    return [...this.#handles.values()].filter((handle) => handle.isHeld);
  }

  #lose(handles: readonly LockHandle[], reason: LossReason): void {
    const marked = handles.filter((handle) => handle.markLost(reason));
    for (const { holdId } of marked) this.#handles.delete(holdId);
    for (const handle of marked) handle.announceLoss();
  }

  #lossOf({ holdId, token }: Granted): LossReason | undefined {
    const early = this.#lostEarly.get(holdId);
    if (early) return early;
    const unlisted = token <= this.#listed.revision && !this.#listed.holdIds.has(holdId);
    return unlisted ? "UNKNOWN" : undefined;
  }

  #submitRelease(
    holdId: bigint,
    token: bigint,
    done: (loss?: LossReason) => void,
    refused: (error: Error) => void,
  ): void {
    const requestId = this.ids.next();
    this.#host.submit({
      kind: "release",
      request: () =>
        create(ReleaseRequestSchema, { requestId, answered: this.ids.answered(), holdId, token }),
      reply: ({ outcome, lostReason }) => {
        this.ids.answer(requestId);
        done(outcome === ReleaseOutcome.LOST ? lossReasonOf(lostReason) : undefined);
        return true;
      },
      refused: (fault) => {
        this.ids.answer(requestId);
        refused(requestError(fault));
      },
    });
  }

  #cancelUnknown(acquireRequestId: bigint): void {
    this.#host.submit(
      cancelErrand(this.ids, acquireRequestId, "", (granted) => {
        if (granted) this.giveBack(granted);
      }),
    );
  }
}
