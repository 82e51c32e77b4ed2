/** How many moments are remembered at most. */
const MARKS_MAX = 64;

/**
 * When the head of a log was where, in at most 64 marks: the older, the coarser. What is asked is never
 * answered too favourably for a replica: the head is never told lower than it was, and never to have passed a
 * seq later than it has.
 */
export class HeadTimes {
  /** The head before the first mark. */
  #before = 0n;
  /** Rising. */
  readonly #atMs: number[] = [];
  /** The head from that moment on, or a later one; rising. */
  readonly #seqs: bigint[] = [];

  /** An epoch begins with the head at a seq. How it came there is not known: it may have been there for long. */
  start(nowMs: number, seq: bigint): void {
    this.#before = seq;
    this.add(nowMs, seq);
  }

  /** The head is at a seq from now on; `nowMs` never falls, and is monotonic. */
  add(nowMs: number, seq: bigint): void {
    const last = this.#seqs.length - 1;
    if (this.#atMs[last] === nowMs) {
      this.#seqs[last] = seq;
      return;
    }
    if (this.#seqs.length === MARKS_MAX) this.#coarsen(nowMs);
    this.#atMs.push(nowMs);
    this.#seqs.push(seq);
  }

  /** The head at a moment, or a later one. */
  headAt(atMs: number): bigint {
    let at = this.#atMs.length - 1;
    while (at >= 0 && (this.#atMs[at] as number) > atMs) at -= 1;
    return this.#seqs[at] ?? this.#before;
  }

  /** The moment at which the head passed a seq, or an earlier one; undefined when it has not. */
  passedAtMs(seq: bigint): number | undefined {
    const at = this.#seqs.findIndex((head) => head > seq);
    return at < 0 ? undefined : this.#atMs[at];
  }

  /**
   * Makes one of two neighbours, which are near to one another for their age: the head of the later moment counts
   * from the earlier one on.
   */
  #coarsen(nowMs: number): void {
    const [atMs, seqs] = [this.#atMs, this.#seqs];
    let [best, least] = [0, Number.POSITIVE_INFINITY];
    for (let at = 0; at < atMs.length - 1; at += 1) {
      const earlierMs = atMs[at] as number;
      const error = ((atMs[at + 1] as number) - earlierMs) / (nowMs - earlierMs);
      if (error < least) [best, least] = [at, error];
    }
    atMs.splice(best + 1, 1);
    seqs.splice(best, 1);
  }
}
