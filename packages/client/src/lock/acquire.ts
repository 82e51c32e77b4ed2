import {
  type AcquireRequest,
  type AcquireResponse,
  type Granted,
  Reentrancy,
} from "@lockstep/protocol";
import type { CallKind } from "../calls/call.ts";
import type { Errand } from "../calls/dispatcher.ts";
import { type Fault, requestError } from "../calls/fault.ts";
import type { RequestIds } from "../session/request-ids.ts";
import { cancelErrand } from "./cancel-errand.ts";
import { deniedError } from "./denied.ts";
import type { Lock } from "./lock.ts";
import type { AcquireWish } from "./wish.ts";

/** What an acquire asks of its session. */
export interface AcquireHost {
  readonly ids: RequestIds;
  readonly sessionId: bigint;
  submit<K extends CallKind>(errand: Errand<K>): () => void;
  /** Makes the handle of a grant, told at `revision`; throws when it cannot be handed over any more. */
  adopt(wish: AcquireWish, granted: Granted, revision: bigint): Lock;
  /** Gives back a hold nobody wants. */
  giveBack(granted: Granted): void;
  /** Tells the server once that a grant which came after the end of the session is not used. */
  giveBackLate(granted: Granted): void;
  /** The acquire has its final outcome and is known no longer. */
  forget(acquire: PendingAcquire): void;
}

/** One acquire under way, until its outcome is known, also after its caller has given it up. */
export class PendingAcquire implements Errand<"acquire"> {
  readonly kind = "acquire";
  readonly requestId: bigint;
  readonly #host: AcquireHost;
  readonly #wish: AcquireWish;
  readonly #outcome = Promise.withResolvers<Lock>();
  #giveUp: (() => void) | undefined;
  #onAbort: (() => void) | undefined;
  #cancelled = false;

  constructor(host: AcquireHost, wish: AcquireWish) {
    this.#host = host;
    this.#wish = wish;
    this.requestId = host.ids.next();
  }

  /** What it comes to for its caller. */
  get outcome(): Promise<Lock> {
    return this.#outcome.promise;
  }

  /** Whether it may enter again a hold of this owner. */
  mayEnter(owner: string): boolean {
    const { request } = this.#wish;
    return request.reentrancy === Reentrancy.COUNT && request.owner === owner;
  }

  /** Sends it. Throws what the application's listener throws; then nothing has been sent. */
  start(): void {
    try {
      const { sessionId } = this.#host;
      this.#wish.onRequest?.({ sessionId, requestId: this.requestId });
      // The listener may have aborted it, and a signal tells of it only once.
      this.#wish.signal?.throwIfAborted();
    } catch (error) {
      this.#host.ids.answer(this.requestId);
      throw error;
    }
    if (this.#wish.signal) {
      this.#onAbort = () => this.#cancel();
      this.#wish.signal.addEventListener("abort", this.#onAbort, { once: true });
    }
    this.#giveUp = this.#host.submit(this);
  }

  /** The session is over; whatever this waited for is gone. */
  fail(error: Error): void {
    this.#finish();
    this.#outcome.reject(error);
  }

  request(): AcquireRequest {
    const { requestId } = this;
    return { ...this.#wish.request, requestId, answered: this.#host.ids.answered() };
  }

  reply({ header, outcome }: AcquireResponse): boolean {
    if (outcome.case === "granted") this.#granted(outcome.value, header?.revision ?? 0n);
    else if (outcome.case === "denied") this.fail(deniedError(this.#keys(), outcome.value));
    else return false;
    this.#host.ids.answer(this.requestId);
    return true;
  }

  refused(fault: Fault): void {
    this.#host.ids.answer(this.requestId);
    this.fail(requestError(fault));
  }

  late({ outcome }: AcquireResponse): void {
    if (outcome.case === "granted") this.#host.giveBackLate(outcome.value);
  }

  #keys(): string[] {
    return this.#wish.targets.map(({ key }) => key);
  }

  #granted(granted: Granted, revision: bigint): void {
    try {
      this.#outcome.resolve(this.#host.adopt(this.#wish, granted, revision));
    } catch (error) {
      this.#outcome.reject(error);
    }
    this.#finish();
  }

  /** Takes the request back. The caller learns it at once; the request is known until the server has answered. */
  #cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#giveUp?.();
    this.#outcome.reject(this.#wish.signal?.reason);
    const { ids } = this.#host;
    const cancel = cancelErrand(
      ids,
      this.requestId,
      this.#wish.request.correlationId,
      (granted) => {
        ids.answer(this.requestId);
        this.#finish();
        if (granted) this.#host.giveBack(granted);
      },
    );
    this.#host.submit({
      ...cancel,
      late: ({ granted }) => {
        if (granted) this.#host.giveBackLate(granted);
      },
    });
  }

  #finish(): void {
    if (this.#onAbort) this.#wish.signal?.removeEventListener("abort", this.#onAbort);
    this.#host.forget(this);
  }
}
