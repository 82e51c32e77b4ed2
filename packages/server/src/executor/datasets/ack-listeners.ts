/** Subscriptions that want to know how far their Acks are. */
export class AckListeners {
  readonly #bySubscription = new Map<bigint, (appliedSeq: bigint) => void>();

  /** Calls `listener` with each accepted Ack of a subscription. Returns the way to stop. */
  on(subscriptionId: bigint, listener: (appliedSeq: bigint) => void): () => void {
    this.#bySubscription.set(subscriptionId, listener);
    return () => this.#bySubscription.delete(subscriptionId);
  }

  acked(subscriptionId: bigint, appliedSeq: bigint): void {
    this.#bySubscription.get(subscriptionId)?.(appliedSeq);
  }
}
