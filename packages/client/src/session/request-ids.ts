import { create } from "@bufbuild/protobuf";
import { DEFAULT_LIMITS, type IdRange, IdRangeSchema } from "@lockstep/protocol";

/** Most ranges a request may carry. What does not fit is told later: the server just remembers longer. */
export const ANSWERED_RANGES_MAX = DEFAULT_LIMITS.max_answered_ranges;

/** The request ids of one session: given out rising by one, and which of them have their final reply. */
export class RequestIds {
  #last = 0n;
  // Sorted, apart from each other by at least one id.
  readonly #ranges: { first: bigint; last: bigint }[] = [];
  #message: IdRange[] | undefined;

  /** A new request id. */
  next(): bigint {
    this.#last += 1n;
    return this.#last;
  }

  /** The final reply to a request is here and has been acted on. Harmless when told before. */
  answer(id: bigint): void {
    const at = this.#position(id);
    const before = this.#ranges[at - 1];
    const after = this.#ranges[at];
    if (before && before.last >= id) return;
    const joinsBefore = before?.last === id - 1n;
    const joinsAfter = after?.first === id + 1n;
    if (before && after && joinsBefore && joinsAfter) {
      before.last = after.last;
      this.#ranges.splice(at, 1);
    } else if (before && joinsBefore) before.last = id;
    else if (after && joinsAfter) after.first = id;
    else this.#ranges.splice(at, 0, { first: id, last: id });
    this.#message = undefined;
  }

  /** What every request reports: all ids whose final reply is here. Shared between messages; not to be changed. */
  answered(): IdRange[] {
    this.#message ??= this.#ranges
      .slice(0, ANSWERED_RANGES_MAX)
      .map((range) => create(IdRangeSchema, range));
    return this.#message;
  }

  /** The index of the first range that starts above `id`. Most answers belong near the end. */
  #position(id: bigint): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.first ?? id) > id) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
