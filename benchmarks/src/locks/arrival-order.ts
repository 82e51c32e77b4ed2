import type { Event } from "@lockstep/protocol";

/**
 * Follows the history of one lock, event by event, and counts what was granted out of turn. A request takes its
 * place in the server's history when it begins to wait; whoever did not have to wait must have found nobody waiting.
 */
export class ArrivalOrder {
  // A set keeps the order in which it was filled.
  readonly #waiting = new Set<bigint>();
  #grants = 0;
  #outOfTurn = 0;

  /** How many grants it has seen. */
  get grants(): number {
    return this.#grants;
  }

  /** How many of them passed somebody who had arrived earlier. */
  get outOfTurn(): number {
    return this.#outOfTurn;
  }

  /** Takes the next event. The first one finds nobody waiting. */
  see({ body }: Event): void {
    switch (body.case) {
      case "lockQueued":
        this.#waiting.add(body.value.ticketId);
        break;
      case "ticketEnded":
        this.#waiting.delete(body.value.ticketId);
        break;
      case "lockGranted":
        this.#granted(body.value.ticketId);
        break;
    }
  }

  #granted(ticketId: bigint): void {
    this.#grants++;
    const [first = 0n] = this.#waiting;
    if (ticketId !== first) this.#outOfTurn++;
    this.#waiting.delete(ticketId);
  }
}
