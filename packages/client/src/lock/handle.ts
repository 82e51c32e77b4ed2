import { formatSequencer, LockMode } from "@lockstep/protocol";
import { LockLostError, LockReleasedError, type LossReason } from "../errors.ts";

/** Where a lock is in its life. LOST and RELEASED are final. */
export type LockState = "HELD" | "AT_RISK" | "LOST" | "RELEASING" | "RELEASED";

/** How a lock was lost. */
export interface Loss {
  /** Why. */
  readonly reason: LossReason;
  /** The dead fencing token. */
  readonly token: bigint;
}

/** A lock that was granted. */
export interface Lock extends AsyncDisposable {
  /** What is locked. */
  readonly key: string;
  /** Identity of the hold in its namespace. */
  readonly holdId: bigint;
  /** The fencing token. Higher than that of every earlier holder; show it with every access. */
  readonly token: bigint;
  /** Key, mode and token as one string, `key/mode/token`, for a resource that guards itself. */
  readonly sequencer: string;
  /** Aborted when the lock is lost, with a LockLostError as reason. Not aborted by `release`. */
  readonly signal: AbortSignal;
  /**
   * HELD; AT_RISK after two thirds of the time to live without an acknowledged renewal; LOST; RELEASING once a
   * release has been sent; RELEASED. Reading it looks at the clock.
   */
  readonly state: LockState;
  /** How long until the client itself gives the lock up unless a renewal is acknowledged, milliseconds; 0 once it is over. */
  readonly remainingMs: number;
  /** Resolves when the lock is lost; stays pending otherwise. Never rejects. */
  readonly lost: Promise<Loss>;
  /**
   * Returns if the lock is held at this instant, by the clock and not by a timer.
   * @throws LockLostError when it is lost, LockReleasedError once a release has been sent
   */
  assertHeld(): void;
  /**
   * Gives the lock back; repeated until the server has answered or the session's deadline has passed, when the
   * server ends it by itself. Resolves also when the lock has been lost or released before.
   * @throws RequestError if the server refuses, which leaves the lock held
   */
  release(): Promise<void>;
}

/** What a handle asks of its session. */
export interface HandleHost {
  /** Decides what the clock says. */
  check(): void;
  /** How long until the session's deadline. */
  remainingMs(): number;
  /** Whether the session is at risk. */
  atRisk(): boolean;
  /** Sends Release until there is an outcome. Resolves with how the hold was lost, if it was. */
  release(handle: LockHandle): Promise<LossReason | undefined>;
  /** Tells the server once that the application has stopped using a hold whose deadline has passed. */
  releaseLate(holdId: bigint, token: bigint): void;
}

export class LockHandle implements Lock {
  readonly key: string;
  readonly holdId: bigint;
  readonly token: bigint;
  readonly sequencer: string;
  readonly signal: AbortSignal;
  readonly lost: Promise<Loss>;
  readonly #host: HandleHost;
  readonly #controller = new AbortController();
  #resolveLost: (loss: Loss) => void = () => {};
  #state: Exclude<LockState, "AT_RISK"> = "HELD";
  #loss: Loss | undefined;
  #releasing: Promise<void> | undefined;

  constructor(host: HandleHost, key: string, holdId: bigint, token: bigint) {
    this.#host = host;
    this.key = key;
    this.holdId = holdId;
    this.token = token;
    this.sequencer = formatSequencer({ key, mode: LockMode.EXCLUSIVE, token });
    this.signal = checkedSignal(this.#controller.signal, () => this.#check());
    this.lost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
  }

  get state(): LockState {
    this.#check();
    return this.#state === "HELD" && this.#host.atRisk() ? "AT_RISK" : this.#state;
  }

  get remainingMs(): number {
    this.#check();
    return this.#state === "HELD" ? this.#host.remainingMs() : 0;
  }

  assertHeld(): void {
    this.#check();
    if (this.#loss) throw this.#lossError(this.#loss);
    if (this.#state !== "HELD") throw new LockReleasedError(this.key, this.token);
  }

  release(): Promise<void> {
    this.#check();
    this.#releasing ??= this.#release();
    return this.#releasing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** Whether it has not been lost and no release has been sent. */
  get isHeld(): boolean {
    return this.#state === "HELD";
  }

  /** Marks it lost; `announceLoss` tells the application. Returns whether there is something to tell. */
  markLost(reason: LossReason): boolean {
    if (this.#state === "LOST" || this.#state === "RELEASED") return false;
    this.#state = "LOST";
    this.#loss = { reason, token: this.token };
    return true;
  }

  /** Tells the application of a loss. Runs its code, so whatever else has to be decided is decided before. */
  announceLoss(): void {
    if (!this.#loss) return;
    this.#resolveLost(this.#loss);
    this.#controller.abort(this.#lossError(this.#loss));
  }

  async #release(): Promise<void> {
    if (this.#state === "LOST") {
      if (this.#loss?.reason === "DEADLINE_PASSED") this.#host.releaseLate(this.holdId, this.token);
      return;
    }
    this.#state = "RELEASING";
    try {
      const lost = await this.#host.release(this);
      if (lost && this.markLost(lost)) this.announceLoss();
      else if (this.#state === "RELEASING") this.#state = "RELEASED";
    } catch (error) {
      this.#releasing = undefined;
      if (this.#state === "RELEASING") this.#state = "HELD";
      throw error;
    }
  }

  #check(): void {
    if (this.#state === "HELD") this.#host.check();
  }

  #lossError({ reason, token }: Loss): LockLostError {
    return new LockLostError(this.key, reason, token);
  }
}

/**
 * After a pause a timer that should have fired may still be due. So the signal, too, looks at the clock before it
 * tells anybody that it is not aborted.
 */
function checkedSignal(signal: AbortSignal, check: () => void): AbortSignal {
  const proto = AbortSignal.prototype;
  const aborted = Object.getOwnPropertyDescriptor(proto, "aborted")?.get;
  if (!aborted) return signal;
  return Object.defineProperties(signal, {
    aborted: {
      get: () => {
        check();
        return aborted.call(signal);
      },
    },
    throwIfAborted: {
      value: () => {
        check();
        proto.throwIfAborted.call(signal);
      },
    },
  });
}
