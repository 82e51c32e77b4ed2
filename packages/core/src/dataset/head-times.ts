/** How many moments are remembered at most. */
const MARKS_MAX = 64;

/**
 * When the head of a log was where, in at most 64 marks: the older, the coarser. What is asked is never
 * answered too favourably for a replica: the head is never told lower than it was, and never to have passed a
 * seq later than it has.
 */
export class HeadTimes {
  /** Rising. */
  #atMs: number[] = [];
  /** The head from that moment on, or a later one; rising. */
  #seqs: bigint[] = [];

  /** The head is at a seq from now on; `nowMs` never falls, and is monotonic. */
  add(nowMs: number, seq: bigint): void {
    const last = this.#seqs.length - 1;
    if (this.#atMs[last] === nowMs) {
      this.#seqs[last] = seq;
      return;
    }
    if (this.#seqs.length === MARKS_MAX) this.#coarsen();
    this.#atMs.push(nowMs);
    this.#seqs.push(seq);
  }

  /** The head at a moment, or a later one; before the first mark, that of the first mark. */
  headAt(atMs: number): bigint {
    let at = this.#atMs.length - 1;
    while (at > 0 && (this.#atMs[at] as number) > atMs) at -= 1;
    return this.#seqs[at] ?? 0n;
  }

  /** The moment at which the head passed a seq, or an earlier one; undefined when it has not. */
  passedAtMs(seq: bigint): number | undefined {
    const at = this.#seqs.findIndex((head) => head > seq);
    return at < 0 ? undefined : this.#atMs[at];
  }

  /** Makes pairs of the older half one: the head of the later moment counts from the earlier one. */
  #coarsen(): void {
    const [atMs, seqs] = [this.#atMs, this.#seqs];
    const half = seqs.length / 2;
    this.#atMs = [...atMs.slice(0, half).filter((_, at) => at % 2 === 0), ...atMs.slice(half)];
    this.#seqs = [...seqs.slice(0, half).filter((_, at) => at % 2 === 1), ...seqs.slice(half)];
  }
}
