/** Bytes that arrive piece by piece, for one reader. */
export class ByteQueue implements AsyncIterableIterator<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  readonly #onRead: (bytes: number) => void;
  #reader:
    | { resolve: (next: IteratorResult<Uint8Array>) => void; reject: (e: unknown) => void }
    | undefined;
  #ended = false;
  #error: unknown;

  /** @param onRead called with what the reader has taken */
  constructor(onRead: (bytes: number) => void = () => {}) {
    this.#onRead = onRead;
  }

  push(chunk: Uint8Array): void {
    if (this.#ended) return;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) this.#chunks.push(chunk);
    else {
      reader.resolve({ done: false, value: chunk });
      this.#onRead(chunk.byteLength);
    }
  }

  /** Nothing more comes; with an error the reader learns of it after what has arrived. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) return;
    if (error === undefined) reader.resolve({ done: true, value: undefined });
    else reader.reject(error);
  }

  /** As `end`, but what has arrived and was not read is thrown away. */
  abort(error: unknown): void {
    this.#chunks.length = 0;
    this.end(error);
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#onRead(chunk.byteLength);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#ended) {
      const error = this.#error;
      this.#error = undefined;
      if (error !== undefined) return Promise.reject(error);
      return Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.#chunks.length = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<Uint8Array>> {
    this.abort(error);
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** All bytes of a body. */
export async function collected(body: AsyncIterable<Uint8Array> | undefined): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  // A copy always: the two sides share no memory.
  return new Uint8Array(Buffer.concat(chunks));
}
