import type { ReplyHeader } from "@lockstep/protocol";
import type { Pending } from "./namespace.ts";
import type { Ending, Waiters, WaitingKind } from "./waiters.ts";

/** A reply as the executor hands it out: any message, with its header. */
export type AnyReply = { header?: ReplyHeader };

/** A reply that has not left yet. Settles once at most; never after it has been abandoned. */
export class OpenReply implements Pending<AnyReply> {
  readonly reply: Promise<AnyReply>;
  readonly #all: Set<OpenReply>;
  readonly #waiters: Waiters;
  #resolve: (reply: AnyReply) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #ticketId = 0n;

  /** Puts itself into `all` until it has settled. */
  constructor(all: Set<OpenReply>, waiters: Waiters) {
    this.#all = all;
    this.#waiters = waiters;
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    all.add(this);
  }

  resolve(reply: AnyReply): void {
    if (this.#all.delete(this)) this.#resolve(reply);
  }

  reject(error: Error): void {
    if (this.#all.delete(this)) this.#reject(error);
  }

  abandon(): void {
    if (!this.#all.delete(this)) return;
    if (this.#ticketId !== 0n) this.#waiters.remove(this.#ticketId, this);
  }

  /** Waits for the end of a ticket, unless nobody listens any more. */
  waitFor(ticketId: bigint, kind: WaitingKind): void {
    if (!this.#all.has(this)) return;
    this.#ticketId = ticketId;
    this.#waiters.add(ticketId, this, kind);
  }

  /** Settles by the end of the wait. */
  end({ outcome }: Ending, header: ReplyHeader): void {
    if (outcome instanceof Error) this.reject(outcome);
    else this.resolve({ ...outcome, header });
  }
}
