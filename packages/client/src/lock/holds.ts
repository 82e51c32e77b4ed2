import { ChurnMap, type GetSessionResponse, type Granted, type NotHeld } from "@lockstep/protocol";
import type { CallKind } from "../calls/call.ts";
import type { Errand } from "../calls/dispatcher.ts";
import { LockLostError, type LossReason, RequestError } from "../errors.ts";
import type { Lease } from "../session/lease.ts";
import { lossOfAnswer, lossReasonOf } from "../session/loss.ts";
import type { RequestIds } from "../session/request-ids.ts";
import { type AcquireHost, PendingAcquire } from "./acquire.ts";
import { type ConvertHost, convert, convertWishOf, type PendingConvert } from "./convert.ts";
import { EarlyNews } from "./early-news.ts";
import { type HandleHost, LockHandle } from "./handle.ts";
import { Hold } from "./hold.ts";
import { type ListingHost, reconcile, tellAsked } from "./listing.ts";
import type { ConvertOptions, Lock, ReleaseRequested, RequestRef } from "./lock.ts";
import type { LockModeName } from "./modes.ts";
import { Releases } from "./releases.ts";
import { setValue } from "./set-value.ts";
import { transfer } from "./transfer.ts";
import { type AcquireWish, valueBytes } from "./wish.ts";

/** Acquires of one client under way at once; beyond it they are refused without being sent. */
export const PENDING_ACQUIRES_MAX = 8_192;

/** What the holds of a session ask of it. */
export interface HoldsHost {
  readonly sessionId: bigint;
  readonly ids: RequestIds;
  readonly lease: Lease;
  /** Decides what the clock says. */
  check(): void;
  submit<K extends CallKind>(errand: Errand<K>): () => void;
  /** Tells the server once, without waiting for the outcome, that a hold is not used. */
  releaseLate(holdId: bigint, token: bigint): void;
}

/** Everything a session holds and waits for, as its client knows it. */
export class Holds implements AcquireHost, HandleHost, ConvertHost, ListingHost {
  readonly ids: RequestIds;
  readonly sessionId: bigint;
  readonly #host: HoldsHost;
  readonly #holds = new ChurnMap<bigint, Hold>();
  readonly #acquires = new ChurnMap<bigint, PendingAcquire>();
  readonly #converts = new Map<bigint, PendingConvert>();
  readonly #releases: Releases;
  readonly #early = new EarlyNews();
  // Whoever waits for an outcome, to be told when the session ends without one.
  readonly #waiting = new Set<(error: Error) => void>();
  // Why the session is over.
  #ended: Error | undefined;

  constructor(host: HoldsHost) {
    this.#host = host;
    this.ids = host.ids;
    this.sessionId = host.sessionId;
    this.#releases = new Releases(this);
  }

  acquire(wish: AcquireWish): Promise<Lock> {
    if (this.#ended) throw this.#ended;
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

  adopt({ targets }: AcquireWish, granted: Granted, revision: bigint): Lock {
    const { holdId, token } = granted;
    const lost = this.#early.lossOf(granted);
    if (lost) throw new LockLostError(targets[0]?.key ?? "", lost, token);
    const hold = this.#holds.get(holdId) ?? new Hold(granted, targets);
    this.#holds.set(holdId, hold);
    if (revision > hold.countedAt) hold.countedAt = revision;
    const handle = new LockHandle(this, hold);
    hold.handles.add(handle);
    const asked = this.#early.askedOf(holdId);
    if (asked) hold.ask(asked);
    return handle;
  }

  forget({ requestId }: PendingAcquire): void {
    this.#acquires.delete(requestId);
    if (this.#acquires.size === 0) this.#early.clear();
  }

  giveBack({ holdId, token }: Pick<Granted, "holdId" | "token">): void {
    // The server remembers only so many tokens of a hold, so the newest that is known now.
    this.#releases.giveBack({ holdId, token: this.#holds.get(holdId)?.token ?? token });
  }

  giveBackAsListed(listed: Pick<Granted, "holdId" | "token">): void {
    this.#releases.giveBack(listed);
  }

  giveBackLate({ holdId, token }: Granted): void {
    this.#host.releaseLate(holdId, token);
  }

  release(handle: LockHandle): void {
    const { hold, holdId, token } = handle;
    if (hold.uncounted === 0) {
      this.#releases.release(holdId, token, handle);
      return;
    }
    hold.uncounted -= 1;
    handle.released(undefined);
  }

  ended(hold: Hold, loss: LossReason | undefined): void {
    this.#lose(hold, loss ?? "UNKNOWN");
  }

  releaseLost(holdId: bigint, token: bigint): void {
    if (this.#ended) this.#host.releaseLate(holdId, token);
    else this.giveBack({ holdId, token });
  }

  async convert(
    handle: LockHandle,
    key: string,
    mode: LockModeName,
    options: ConvertOptions,
  ): Promise<void> {
    await convert(this, handle, convertWishOf(handle.hold, key, mode, options));
  }

  async transfer(handle: LockHandle, to: RequestRef, correlationId: string): Promise<void> {
    await transfer(this, handle, to, correlationId);
  }

  async setValue(handle: LockHandle, value: string | Uint8Array, correlationId: string) {
    const bytes = valueBytes(value);
    await handle.hold.values.take(() => setValue(this, handle, bytes, correlationId));
  }

  over(handle: LockHandle): void {
    const { hold } = handle;
    hold.handles.delete(handle);
    if (hold.handles.size === 0) this.#holds.delete(hold.holdId);
  }

  notHeld(hold: Hold, answer: NotHeld): void {
    this.#lose(hold, lossOfAnswer(answer));
  }

  untilEnd(fail: (error: Error) => void): () => void {
    if (this.#ended) fail(this.#ended);
    else this.#waiting.add(fail);
    return () => {
      this.#waiting.delete(fail);
    };
  }

  remember(convert: PendingConvert): void {
    this.#converts.set(convert.requestId, convert);
  }

  forgetConvert({ requestId }: PendingConvert): void {
    this.#converts.delete(requestId);
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

  hold(holdId: bigint): Hold | undefined {
    return this.#holds.get(holdId);
  }

  isUnderWay(requestId: bigint): boolean {
    return this.#acquires.has(requestId) || this.#converts.has(requestId);
  }

  /** How many grants of a hold are accounted for: by handles, by grants on their way back, by acquires that may have entered it. */
  accounted({ holdId, handles }: Hold, owner: string): number {
    const entering = [...this.#acquires.values()].filter((acquire) => acquire.mayEnter(owner));
    return handles.size + this.#releases.givingBack(holdId) + entering.length;
  }

  /** Acts on a complete list of what the server says the session holds and waits for. */
  actOn(listed: GetSessionResponse): void {
    const revision = listed.header?.revision ?? 0n;
    const holdIds = new Set(listed.holds.map(({ holdId }) => holdId));
    this.#early.listed(revision, holdIds);
    const reasons = new Map(
      listed.losses.map(({ holdId, reason }) => [holdId, lossReasonOf(reason)]),
    );
    if (this.#acquires.size > 0)
      for (const [holdId, reason] of reasons) this.#early.lost(holdId, reason);
    const gone = [...this.#holds.values()].filter(
      ({ since, holdId }) => since <= revision && !holdIds.has(holdId),
    );
    const broken = reconcile(this, listed);
    // All are marked before the application hears of the first.
    const marked = [...gone, ...broken].flatMap((hold) =>
      hold.lose(reasons.get(hold.holdId) ?? "UNKNOWN"),
    );
    for (const handle of marked) handle.announceLoss();
    tellAsked(this, listed);
  }

  /** The server has taken a hold. */
  lost(holdId: bigint, reason: LossReason): void {
    // Also of a hold that is known: an acquire of its owner may just have entered it again.
    if (this.#acquires.size > 0) this.#early.lost(holdId, reason);
    const hold = this.#holds.get(holdId);
    if (hold) this.#lose(hold, reason);
  }

  /** Somebody asks that a hold be released. */
  asked(holdId: bigint, asked: ReleaseRequested): void {
    const hold = this.#holds.get(holdId);
    if (hold) hold.ask(asked);
    else if (this.#acquires.size > 0) this.#early.asked(holdId, asked);
  }

  /** The session is over. Every handle is marked before the application hears of the first. */
  end(reason: LossReason, error: Error): void {
    this.#ended = error;
    const lost = [...this.#holds.values()].flatMap((hold) => hold.lose(reason));
    const acquires = [...this.#acquires.values()];
    this.#holds.clear();
    this.#acquires.clear();
    this.#releases.end();
    for (const fail of [...this.#waiting]) fail(error);
    for (const acquire of acquires) acquire.fail(error);
    for (const handle of lost) handle.announceLoss();
  }

  /** All its handles are marked before the application hears of the first. */
  #lose(hold: Hold, reason: LossReason): void {
    for (const handle of hold.lose(reason)) handle.announceLoss();
  }
}
