/** What was sent to a replica and is not acknowledged yet. A reader's window is without bound. */
export class Window {
  readonly #maxBytes: number;
  /** By rising seq; sent and not acknowledged. */
  #sent: { endSeq: bigint; bytes: number }[] = [];
  #bytes = 0;

  /** @param maxBytes how much may be sent beyond the last Ack, a single batch apart */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** How much more may be sent; 0 when it is full. */
  get room(): number {
    return Math.max(0, this.#maxBytes - this.#bytes);
  }

  /** Changes up to `endSeq` were sent. */
  sent(endSeq: bigint, bytes: number): void {
    if (this.#maxBytes === Number.POSITIVE_INFINITY) return;
    this.#sent.push({ endSeq, bytes });
    this.#bytes += bytes;
  }

  /** Everything up to this seq is applied. Returns whether anything that was sent is new among it. */
  acked(appliedSeq: bigint): boolean {
    const applied = this.#sent.findIndex(({ endSeq }) => endSeq > appliedSeq);
    const count = applied < 0 ? this.#sent.length : applied;
    for (const { bytes } of this.#sent.slice(0, count)) this.#bytes -= bytes;
    this.#sent = this.#sent.slice(count);
    return count > 0;
  }
}
