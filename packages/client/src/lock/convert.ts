import { create } from "@bufbuild/protobuf";
import {
  type ConvertRequest,
  ConvertRequestSchema,
  type ConvertResponse,
  type Granted,
} from "@lockstep/protocol";
import type { Errand } from "../calls/dispatcher.ts";
import { type Fault, requestError } from "../calls/fault.ts";
import { checkedMs } from "../options.ts";
import { cancelErrand } from "./cancel-errand.ts";
import type { ChangeHost } from "./changes.ts";
import { deniedError } from "./denied.ts";
import type { LockHandle } from "./handle.ts";
import type { Hold } from "./hold.ts";
import type { ConvertOptions } from "./lock.ts";
import { covers, type LockModeName, modeOf } from "./modes.ts";
import { priorityOf, WAIT_MS_MAX } from "./wish.ts";

/** What a conversion asks of its session. */
export interface ConvertHost extends ChangeHost {
  /** The conversion is under way: a ticket of it is nobody else's. */
  remember(convert: PendingConvert): void;
  /** The conversion has its outcome, or the session is over. */
  forgetConvert(convert: PendingConvert): void;
}

/** What a conversion asks for. */
export interface ConvertWish {
  readonly key: string;
  readonly mode: LockModeName;
  readonly waitMs: bigint;
  readonly deadlockPriority: number;
  readonly correlationId: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * Checks what cannot be sent.
 * @throws TypeError, RangeError
 */
export function convertWishOf(
  hold: Hold,
  key: string,
  mode: LockModeName,
  { waitMs = WAIT_MS_MAX, deadlockPriority = 0, correlationId = "", signal }: ConvertOptions,
): ConvertWish {
  hold.target(key);
  modeOf(mode);
  return {
    key,
    mode,
    waitMs: BigInt(checkedMs("waitMs", waitMs, 0, WAIT_MS_MAX)),
    deadlockPriority: priorityOf(deadlockPriority),
    correlationId,
    signal,
  };
}

/** One conversion under way, until its outcome is known, also after its caller has given it up. */
export class PendingConvert implements Errand<"convert"> {
  readonly kind = "convert";
  readonly requestId: bigint;
  /** What the caller is told. */
  readonly outcome: Promise<void>;
  /** Settles, never rejecting, when the server has decided or the session is over. */
  readonly decided: Promise<void>;
  readonly #host: ConvertHost;
  readonly #handle: LockHandle;
  readonly #wish: ConvertWish;
  // The token of now: a repeat must not say another.
  readonly #token: bigint;
  // The mode to go back to when a weakening turns out not to have happened.
  #before: LockModeName | undefined;
  #resolve: () => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  #decide: () => void = () => {};
  #giveUp: (() => void) | undefined;
  #forget: () => void = () => {};
  readonly #onAbort = () => this.#cancel();

  constructor(host: ConvertHost, handle: LockHandle, wish: ConvertWish) {
    this.#host = host;
    this.#handle = handle;
    this.#wish = wish;
    this.#token = handle.hold.token;
    this.requestId = host.ids.next();
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.decided = new Promise((resolve) => {
      this.#decide = resolve;
    });
  }

  /** Sends it. A weakening counts from here on: it may happen at any time now. */
  start(): void {
    const { key, mode, signal } = this.#wish;
    const { hold } = this.#handle;
    const { mode: before } = hold.target(key);
    if (before !== mode && covers(before, mode)) {
      this.#before = before;
      hold.setMode(key, mode);
    }
    this.#host.remember(this);
    this.#forget = this.#host.untilEnd(() => this.#end(() => this.#reject(this.#overError())));
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#giveUp = this.#host.submit(this);
  }

  request(): ConvertRequest {
    const { key, mode, waitMs, deadlockPriority, correlationId } = this.#wish;
    return create(ConvertRequestSchema, {
      requestId: this.requestId,
      answered: this.#host.ids.answered(),
      holdId: this.#handle.holdId,
      token: this.#token,
      key,
      mode: modeOf(mode),
      waitMs,
      deadlockPriority,
      correlationId,
    });
  }

  reply({ header, outcome }: ConvertResponse): boolean {
    const { hold } = this.#handle;
    if (outcome.case === "queued" || outcome.case === undefined) return false;
    this.#host.ids.answer(this.requestId);
    if (outcome.case === "granted") this.#granted(outcome.value, header?.revision ?? 0n);
    else {
      this.#restore();
      if (outcome.case === "notHeld") this.#host.notHeld(hold, outcome.value);
      const held = outcome.case === "denied" && this.#handle.isHeld;
      this.#reject(held ? deniedError([this.#wish.key], outcome.value) : this.#overError());
    }
    this.#end(() => {});
    return true;
  }

  refused(fault: Fault): void {
    this.#host.ids.answer(this.requestId);
    this.#restore();
    this.#end(() => this.#reject(requestError(fault)));
  }

  #granted({ token }: Granted, revision: bigint): void {
    const { key, mode } = this.#wish;
    this.#handle.hold.converted(key, mode, token, revision);
    this.#resolve();
  }

  /** Takes it back. The caller learns it at once; the lock is as it was only when the server says so. */
  #cancel(): void {
    this.#giveUp?.();
    this.#reject(this.#wish.signal?.reason);
    const { ids } = this.#host;
    const { correlationId } = this.#wish;
    const cancel = cancelErrand(ids, this.requestId, correlationId, (granted, revision) => {
      ids.answer(this.requestId);
      if (granted) this.#granted(granted, revision);
      else this.#restore();
      this.#end(() => {});
    });
    this.#host.submit(cancel);
  }

  #restore(): void {
    if (this.#before) this.#handle.hold.setMode(this.#wish.key, this.#before);
    this.#before = undefined;
  }

  #end(tell: () => void): void {
    this.#wish.signal?.removeEventListener("abort", this.#onAbort);
    this.#forget();
    this.#host.forgetConvert(this);
    tell();
    this.#decide();
  }

  #overError(): Error {
    return this.#handle.overError();
  }
}

/** Converts when its turn has come; before this returns if no other conversion of the hold is under way. */
export function convert(host: ConvertHost, handle: LockHandle, wish: ConvertWish): Promise<void> {
  const { conversions } = handle.hold;
  const { signal } = wish;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const turn = conversions.take(async () => {
      signal?.removeEventListener("abort", onAbort);
      if (signal?.aborted) return;
      if (!handle.isHeld) throw handle.overError();
      const pending = new PendingConvert(host, handle, wish);
      pending.outcome.then(resolve, reject);
      pending.start();
      await pending.decided;
    });
    turn.catch((error: unknown) => {
      signal?.removeEventListener("abort", onAbort);
      reject(error);
    });
  });
}
