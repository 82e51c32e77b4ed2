/** Wakes whoever waits for something to do. */
export class Waker {
  #woken = Promise.withResolvers<void>();

  /** Settles with the next `wake`. */
  get woken(): Promise<void> {
    return this.#woken.promise;
  }

  wake(): void {
    this.#woken.resolve();
    this.#woken = Promise.withResolvers<void>();
  }
}
