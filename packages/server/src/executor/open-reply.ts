import { ChurnMap, type ReplyHeader } from "@lockstep/protocol";
import type { Pending } from "./namespace.ts";
import type { Ending, Waiters, WaitingKind } from "./waiters.ts";

/** A reply as the executor hands it out: any message, with its header. */
export type AnyReply = { header?: ReplyHeader };

type Outcome = { readonly reply: AnyReply } | { readonly error: Error };

/** The replies that have not left yet. */
export class OpenReplies {
  readonly #byNumber = new ChurnMap<number, OpenReply>();
  #last = 0;

  /** Gives the number under which the reply is known from here on. */
  add(reply: OpenReply): number {
    this.#last += 1;
    this.#byNumber.set(this.#last, reply);
    return this.#last;
  }

  has(number: number): boolean {
    return this.#byNumber.has(number);
  }

  /** Whether it was there. */
  delete(number: number): boolean {
    return this.#byNumber.delete(number);
  }

  /** All there are now. */
  all(): readonly OpenReply[] {
    return [...this.#byNumber.values()];
  }
}

/** A reply that has not left yet. Settles once at most; never after it has been abandoned. */
export class OpenReply implements Pending<AnyReply> {
  readonly #all: OpenReplies;
  readonly #number: number;
  readonly #waiters: Waiters;
  #resolved: ((reply: AnyReply) => void) | undefined;
  #rejected: ((error: Error) => void) | undefined;
  /** What it settled with before anybody listened. */
  #outcome: Outcome | undefined;
  #promise: Promise<AnyReply> | undefined;
  #ticketId = 0n;
  #toldWaiting: (() => void) | undefined;

  /** Puts itself into `all` until it has settled. */
  constructor(all: OpenReplies, waiters: Waiters) {
    this.#all = all;
    this.#waiters = waiters;
    this.#number = all.add(this);
  }

  get reply(): Promise<AnyReply> {
    this.#promise ??= new Promise((resolve, reject) => this.settle(resolve, reject));
    return this.#promise;
  }

  settle(resolved: (reply: AnyReply) => void, rejected: (error: Error) => void): void {
    this.#resolved = resolved;
    this.#rejected = rejected;
    if (this.#outcome !== undefined) this.#tell(this.#outcome);
  }

  resolve(reply: AnyReply): void {
    if (this.#all.delete(this.#number)) this.#tell({ reply });
  }

  reject(error: Error): void {
    if (this.#all.delete(this.#number)) this.#tell({ error });
  }

  abandon(): void {
    if (!this.#all.delete(this.#number)) return;
    if (this.#ticketId !== 0n) this.#waiters.remove(this.#ticketId, this);
  }

  get isWaiting(): boolean {
    return this.#ticketId !== 0n && this.#waiters.has(this.#ticketId, this);
  }

  onWaiting(told: () => void): void {
    this.#toldWaiting = told;
  }

  /** Waits for the end of a ticket, unless nobody listens any more. */
  waitFor(ticketId: bigint, kind: WaitingKind): void {
    if (!this.#all.has(this.#number)) return;
    this.#ticketId = ticketId;
    this.#waiters.add(ticketId, this, kind);
    this.#toldWaiting?.();
  }

  /** Settles by the end of the wait. */
  end({ outcome }: Ending, header: ReplyHeader): void {
    if (outcome instanceof Error) this.reject(outcome);
    else this.resolve({ ...outcome, header });
  }

  #tell(outcome: Outcome): void {
    if (this.#resolved === undefined) {
      this.#outcome = outcome;
      return;
    }
    try {
      if ("reply" in outcome) this.#resolved(outcome.reply);
      else this.#rejected?.(outcome.error);
    } catch (error) {
      // The mistake is that of whoever takes the reply: it surfaces, and the replies behind this one still leave.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
