import { create } from "@bufbuild/protobuf";
import {
  type AcquireRequest,
  AcquireRequestSchema,
  type AcquireResponse,
  type Denied,
  DeniedReason,
  type Granted,
  LockMode,
} from "@lockstep/protocol";
import type { CallKind } from "../calls/call.ts";
import type { Errand } from "../calls/dispatcher.ts";
import { type Fault, requestError } from "../calls/fault.ts";
import { NOT_GRANTED_REASONS, NotGrantedError, type NotGrantedReason } from "../errors.ts";
import type { RequestIds } from "../session/request-ids.ts";
import { cancelErrand } from "./cancel-errand.ts";
import type { Lock } from "./handle.ts";

/** What an acquire asks for. */
export interface AcquireWish {
  readonly key: string;
  /** How long to wait in the queue, milliseconds; 0 does not wait. */
  readonly waitMs: bigint;
  readonly owner: string;
  readonly correlationId: string;
  readonly signal: AbortSignal | undefined;
}

/** What an acquire asks of its session. */
export interface AcquireHost {
  readonly ids: RequestIds;
  submit<K extends CallKind>(errand: Errand<K>): () => void;
  /** Makes the handle of a grant; throws when it cannot be handed over any more. */
  adopt(wish: AcquireWish, granted: Granted): Lock;
  /** Gives back a hold nobody wants. */
  giveBack(granted: Granted): void;
  /** The acquire has its final outcome and is known no longer. */
  forget(acquire: PendingAcquire): void;
}

/** One acquire under way, until its outcome is known, also after its caller has given it up. */
export class PendingAcquire implements Errand<"acquire"> {
  readonly kind = "acquire";
  readonly requestId: bigint;
  readonly outcome: Promise<Lock>;
  readonly #host: AcquireHost;
  readonly #wish: AcquireWish;
  #resolve: (lock: Lock) => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  #giveUp: (() => void) | undefined;
  #cancelled = false;
  readonly #onAbort = () => this.#cancel();

  constructor(host: AcquireHost, wish: AcquireWish) {
    this.#host = host;
    this.#wish = wish;
    this.requestId = host.ids.next();
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Sends it. */
  start(): void {
    this.#wish.signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#giveUp = this.#host.submit(this);
  }

  /** The session is over; whatever this waited for is gone. */
  fail(error: Error): void {
    this.#finish();
    this.#reject(error);
  }

  request(): AcquireRequest {
    const { key, owner, waitMs, correlationId } = this.#wish;
    return create(AcquireRequestSchema, {
      requestId: this.requestId,
      answered: this.#host.ids.answered(),
      targets: [{ key, mode: LockMode.EXCLUSIVE }],
      owner,
      waitMs,
      correlationId,
    });
  }

  reply({ outcome }: AcquireResponse): boolean {
    if (outcome.case === "granted") this.#granted(outcome.value);
    else if (outcome.case === "denied") this.fail(deniedError(this.#wish.key, outcome.value));
    else return false;
    this.#host.ids.answer(this.requestId);
    return true;
  }

  refused(fault: Fault): void {
    this.#host.ids.answer(this.requestId);
    this.fail(requestError(fault));
  }

  #granted(granted: Granted): void {
    try {
      this.#resolve(this.#host.adopt(this.#wish, granted));
    } catch (error) {
      this.#reject(error);
    }
    this.#finish();
  }

  /** Takes the request back. The caller learns it at once; the request is known until the server has answered. */
  #cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#giveUp?.();
    this.#reject(this.#wish.signal?.reason);
    const { ids } = this.#host;
    const cancel = cancelErrand(ids, this.requestId, this.#wish.correlationId, (granted) => {
      ids.answer(this.requestId);
      this.#finish();
      if (granted) this.#host.giveBack(granted);
    });
    this.#host.submit(cancel);
  }

  #finish(): void {
    this.#wish.signal?.removeEventListener("abort", this.#onAbort);
    this.#host.forget(this);
  }
}

const KNOWN_REASONS: ReadonlySet<string> = new Set(NOT_GRANTED_REASONS);

function deniedError(key: string, { reason, blockers, retryAfterMs }: Denied): NotGrantedError {
  const name: string | undefined = DeniedReason[reason];
  const known = name !== undefined && KNOWN_REASONS.has(name);
  return new NotGrantedError(
    key,
    known ? (name as NotGrantedReason) : "UNKNOWN",
    blockers,
    Number(retryAfterMs),
  );
}
