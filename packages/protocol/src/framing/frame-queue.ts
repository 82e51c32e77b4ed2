interface Taker<T> {
  readonly resolve: (result: IteratorResult<T>) => void;
  readonly reject: (error: unknown) => void;
}

/** What arrives by itself, taken one after the other. Whoever fills it looks at `length` and stops in time. */
export class FrameQueue<T> implements AsyncIterableIterator<T> {
  readonly #onTaken: () => void;
  readonly #frames: T[] = [];
  #taker: Taker<T> | undefined;
  /** What comes after the frames that wait: nothing more, or an error. */
  #end: { readonly error: unknown } | undefined;

  /** @param onTaken called when a frame has been taken, or will not be any more */
  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** How many frames wait. */
  get length(): number {
    return this.#frames.length;
  }

  /** Nothing more is taken in. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Adds a frame, unless it has ended. */
  push(value: T): void {
    if (this.hasEnded) return;
    const taker = this.#takeTaker();
    if (taker === undefined) {
      this.#frames.push(value);
      return;
    }
    taker.resolve({ done: false, value });
    this.#onTaken();
  }

  /** After the frames that wait comes nothing more or, when there is one, this error. The first end counts. */
  end(error?: unknown): void {
    if (this.hasEnded) return;
    this.#end = { error };
    const taker = this.#takeTaker();
    if (error !== undefined) taker?.reject(error);
    else taker?.resolve({ done: true, value: undefined });
  }

  /** For one caller at a time. */
  next(): Promise<IteratorResult<T>> {
    if (this.#frames.length > 0) {
      const value = this.#frames.shift() as T;
      this.#onTaken();
      return Promise.resolve({ done: false, value });
    }
    if (this.#end?.error !== undefined) return Promise.reject(this.#end.error);
    if (this.#end !== undefined) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#taker = { resolve, reject };
    });
  }

  /** Throws away what waits and takes in nothing more. */
  return(): Promise<IteratorResult<T>> {
    this.#frames.length = 0;
    this.#end = { error: undefined };
    this.#takeTaker()?.resolve({ done: true, value: undefined });
    this.#onTaken();
    return Promise.resolve({ done: true, value: undefined });
  }

  #takeTaker(): Taker<T> | undefined {
    const taker = this.#taker;
    this.#taker = undefined;
    return taker;
  }
}
