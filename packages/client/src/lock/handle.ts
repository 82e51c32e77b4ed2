import { formatSequencer } from "@lockstep/protocol";
import { LockLostError, LockModeError, LockReleasedError, type LossReason } from "../errors.ts";
import { checkedSignal } from "./checked-signal.ts";
import type { Hold } from "./hold.ts";
import type {
  ConvertOptions,
  HeldAs,
  HeldTarget,
  Lock,
  LockState,
  Loss,
  ReleaseRequested,
  RequestRef,
} from "./lock.ts";
import { covers, type LockModeName, modeOf } from "./modes.ts";
import type { ReleaseWaiter } from "./releases.ts";

/** What a handle asks of its session. */
export interface HandleHost {
  /** Decides what the clock says. */
  check(): void;
  /** How long until the session's deadline. */
  remainingMs(): number;
  /** Whether the session is at risk. */
  atRisk(): boolean;
  /** Sends Release until there is an outcome, which the handle is told. */
  release(handle: LockHandle): void;
  /** Tells the server that the application has stopped using a hold that was lost. */
  releaseLost(holdId: bigint, token: bigint): void;
  /** Changes the mode of a key. */
  convert(
    handle: LockHandle,
    key: string,
    mode: LockModeName,
    options: ConvertOptions,
  ): Promise<void>;
  /** Gives the hold to a waiter. */
  transfer(handle: LockHandle, to: RequestRef, correlationId: string): Promise<void>;
  /** Changes what the hold publishes. */
  setValue(handle: LockHandle, value: string | Uint8Array, correlationId: string): Promise<void>;
  /** The handle is over. */
  over(handle: LockHandle): void;
}

/** What one acquire handed out. Those of an owner that entered its hold again share that hold. */
export class LockHandle implements Lock, ReleaseWaiter {
  readonly hold: Hold;
  readonly key: string;
  readonly holdId: bigint;
  readonly #host: HandleHost;
  // Made when they are asked for: most locks are given back before anybody does, and they cost more than all the rest.
  #controller: AbortController | undefined;
  #lost: PromiseWithResolvers<Loss> | undefined;
  #listeners: Set<(asked: ReleaseRequested) => void> | undefined;
  #state: Exclude<LockState, "AT_RISK"> = "HELD";
  #loss: Loss | undefined;
  #lossIsTold = false;
  #releasing: Promise<void> | undefined;
  #release: PromiseWithResolvers<void> | undefined;
  // Under way; settles without rejecting when the handle is given away or held again.
  #transferring: Promise<void> | undefined;

  constructor(host: HandleHost, hold: Hold) {
    this.#host = host;
    this.hold = hold;
    this.key = hold.targets[0]?.key ?? "";
    this.holdId = hold.holdId;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      checkedSignal(this.#controller.signal, () => this.#check());
      if (this.#lossIsTold) this.announceLoss();
    }
    return this.#controller.signal;
  }

  get lost(): Promise<Loss> {
    if (this.#lost === undefined) {
      this.#lost = Promise.withResolvers();
      if (this.#lossIsTold) this.announceLoss();
    }
    return this.#lost.promise;
  }

  get token(): bigint {
    return this.#loss?.token ?? this.hold.token;
  }

  get mode(): LockModeName {
    return this.modeOf(this.key);
  }

  get targets(): readonly HeldTarget[] {
    return this.hold.targets;
  }

  get sequencer(): string {
    return this.sequencerOf(this.key);
  }

  get state(): LockState {
    this.#check();
    return this.#state === "HELD" && this.#host.atRisk() ? "AT_RISK" : this.#state;
  }

  get remainingMs(): number {
    this.#check();
    return this.#state === "HELD" ? this.#host.remainingMs() : 0;
  }

  modeOf(key: string): LockModeName {
    return this.hold.target(key).mode;
  }

  sequencerOf(key: string): string {
    return formatSequencer({ key, mode: modeOf(this.modeOf(key)), token: this.token });
  }

  assertHeld({ mode, key }: HeldAs = {}): void {
    this.#check();
    if (this.#loss) throw this.#lossError(this.#loss);
    if (this.#state !== "HELD") throw new LockReleasedError(this.key, this.token);
    const targets = key === undefined ? this.targets : [this.hold.target(key)];
    const weak = mode && targets.find((target) => !covers(target.mode, mode));
    if (weak) throw new LockModeError(weak.key, weak.mode, mode);
  }

  async convert(mode: LockModeName, options: ConvertOptions = {}): Promise<void> {
    this.assertHeld();
    const { key = this.key } = options;
    if (options.key === undefined && this.targets.length > 1) {
      throw new TypeError(`this lock is on ${this.hold.keys.join(", ")}: say which key to convert`);
    }
    await this.#host.convert(this, key, mode, options);
  }

  async transfer(to: RequestRef, { correlationId = "" } = {}): Promise<void> {
    this.assertHeld();
    await this.#host.transfer(this, to, correlationId);
  }

  async setValue(value: string | Uint8Array, { correlationId = "" } = {}): Promise<void> {
    this.assertHeld();
    await this.#host.setValue(this, value, correlationId);
  }

  onReleaseRequested(listener: (asked: ReleaseRequested) => void): () => void {
    // Of its own, so that the same function may listen twice and stop once.
    const listen = (asked: ReleaseRequested) => listener(asked);
    this.#listeners ??= new Set();
    this.#listeners.add(listen);
    const { asked } = this.hold;
    if (asked) queueMicrotask(() => this.#tell(listen, asked));
    return () => {
      this.#listeners?.delete(listen);
    };
  }

  release(): Promise<void> {
    this.#check();
    this.#releasing ??= this.#transferring || this.#loss ? this.#releaseLater() : this.#send();
    return this.#releasing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** Whether it has not been lost and nothing has been sent that ends it. */
  get isHeld(): boolean {
    return this.#state === "HELD";
  }

  /** Marks it lost; `announceLoss` tells the application. Returns whether there is something to tell. */
  markLost(reason: LossReason): boolean {
    if (this.#state !== "HELD" && this.#state !== "RELEASING") return false;
    this.#loss = { reason, token: this.hold.token };
    this.#finish("LOST");
    return true;
  }

  /** Tells the application of a loss. Runs its code, so whatever else has to be decided is decided before. */
  announceLoss(): void {
    if (!this.#loss) return;
    this.#lossIsTold = true;
    this.#lost?.resolve(this.#loss);
    this.#controller?.abort(this.#lossError(this.#loss));
  }

  /** Tells the application that somebody asks for a release. Runs its code. */
  announceAsked(asked: ReleaseRequested): void {
    for (const listener of [...(this.#listeners ?? [])]) this.#tell(listener, asked);
  }

  /** From here on it counts as given away; `done` settles, never rejecting, when that is decided. */
  give(done: Promise<void>): void {
    if (this.#state !== "HELD") return;
    this.#state = "RELEASING";
    this.#transferring = done;
  }

  /** The hold was given away, or is over for the application that wanted it to be. */
  given(state: "TRANSFERRED" | "RELEASED"): void {
    if (this.#state === "RELEASING") this.#finish(state);
  }

  /** What was sent did not happen: it is held as before, unless it was lost meanwhile. */
  restore(): void {
    if (this.#state !== "RELEASING") return;
    this.#state = "HELD";
    this.#transferring = undefined;
    const { lost } = this.hold;
    if (lost && this.markLost(lost)) this.announceLoss();
  }

  released(loss: LossReason | undefined): void {
    if (loss && this.markLost(loss)) this.announceLoss();
    else if (this.#state === "RELEASING") this.#finish("RELEASED");
    this.#release?.resolve();
  }

  refused(error: Error): void {
    this.#releasing = undefined;
    this.restore();
    if (this.isHeld) this.#release?.reject(error);
    else this.#release?.resolve();
  }

  /** Why nothing can be done with it any more. */
  overError(): LockLostError | LockReleasedError {
    return this.#loss ? this.#lossError(this.#loss) : new LockReleasedError(this.key, this.token);
  }

  async #releaseLater(): Promise<void> {
    if (this.#transferring) await this.#transferring;
    if (this.#loss) {
      // The server knows of the loss, but only the application knows that it has stopped: that ends a delay.
      if (this.#loss.reason !== "SESSION_CLOSED") this.#host.releaseLost(this.holdId, this.token);
      return;
    }
    await this.#send();
  }

  #send(): Promise<void> {
    if (this.#state !== "HELD") return Promise.resolve();
    this.#state = "RELEASING";
    this.#release = Promise.withResolvers();
    const { promise } = this.#release;
    this.#host.release(this);
    return promise;
  }

  #finish(state: "LOST" | "RELEASED" | "TRANSFERRED"): void {
    this.#state = state;
    this.#host.over(this);
  }

  #tell(listener: (asked: ReleaseRequested) => void, asked: ReleaseRequested): void {
    if (!this.#listeners?.has(listener) || !this.isHeld) return;
    try {
      listener(asked);
    } catch (error) {
      // The mistake is the listener's and surfaces as that of an event listener does; what else is decided goes on.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #check(): void {
    if (this.#state === "HELD") this.#host.check();
  }

  #lossError({ reason, token }: Loss): LockLostError {
    return new LockLostError(this.key, reason, token);
  }
}
