/** Remembers that there may be something to do, for one who is not always waiting for it. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Whether it has rung since this was last asked. */
  take(): boolean {
    const rung = this.#rung;
    this.#rung = false;
    return rung;
  }

  /** Whether it has rung and nobody has taken that. */
  get hasRung(): boolean {
    return this.#rung;
  }

  /** Calls `wake` when it rings. Returns the way to stop. */
  listen(wake: () => void): () => void {
    this.#wake = wake;
    return () => {
      this.#wake = undefined;
    };
  }
}
