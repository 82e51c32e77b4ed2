import type { AppliedChange } from "./apply/applied-change.ts";
import type { DriftFound } from "./drift/found.ts";
import type { BreakerState } from "./poison/breaker.ts";

/**
 * CATCHING_UP: it follows, or tries to, and has not yet applied what was there when it began. LIVE: it has, and
 * follows. DEGRADED: changes are parked, or its rows are known to differ from the server's. QUARANTINED: its rows must
 * not be used until a new snapshot has taken their place.
 */
export type State = "CATCHING_UP" | "LIVE" | "DEGRADED" | "QUARANTINED";

/** MATCH: the rows are the server's. MISMATCH: they are not. NOT_COMPARED: the replica stood elsewhere. */
export type Verdict = "MATCH" | "MISMATCH" | "NOT_COMPARED";

/** What happens to a replica. */
export type ReplicaEvent =
  | { readonly type: "state"; readonly state: State }
  | { readonly type: "subscribed"; readonly snapshot: boolean; readonly seq: bigint }
  /** The subscription ended, or could not begin; it is tried again. */
  | { readonly type: "disconnected"; readonly error: unknown }
  | { readonly type: "published"; readonly seq: bigint; readonly rows: number }
  | { readonly type: "checkpoint"; readonly seq: bigint; readonly verdict: Verdict }
  /** All stored rows were looked at once. */
  | { readonly type: "scrubbed"; readonly rows: number; readonly damaged: number }
  | { readonly type: "drift"; readonly found: DriftFound }
  | {
      readonly type: "applyFailed";
      readonly change: AppliedChange;
      readonly attempts: number;
      readonly error: unknown;
    }
  | { readonly type: "parked"; readonly change: AppliedChange; readonly error: unknown }
  | { readonly type: "breaker"; readonly state: BreakerState }
  /** The store failed; the replica goes on from what the store has. */
  | { readonly type: "storeFailed"; readonly error: unknown }
  /** This listener was too slow, and so many events were left out here. */
  | { readonly type: "missed"; readonly count: number };

const MAX_WAITING = 1_000;

/** Hands events on to whoever listens. */
export class Events {
  readonly #listeners = new Set<(event: ReplicaEvent | undefined) => void>();
  #ended = false;

  tell(event: ReplicaEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** All listeners end after what they were told. */
  end(): void {
    this.#ended = true;
    for (const listener of this.#listeners) listener(undefined);
  }

  /** Events from now on. A listener that does not keep up misses some, and is told how many. */
  async *listen(signal?: AbortSignal): AsyncGenerator<ReplicaEvent, void, undefined> {
    const waiting: ReplicaEvent[] = [];
    let missed = 0;
    let wake = () => {};
    let over = this.#ended;
    const listener = (event: ReplicaEvent | undefined) => {
      if (!event) over = true;
      else if (waiting.length < MAX_WAITING) waiting.push(event);
      else missed += 1;
      wake();
    };
    const onAbort = () => listener(undefined);
    signal?.throwIfAborted();
    this.#listeners.add(listener);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        const event = waiting.shift();
        if (event) yield event;
        else if (missed > 0) {
          const count = missed;
          missed = 0;
          yield { type: "missed", count };
        } else if (over) break;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      this.#listeners.delete(listener);
      signal?.removeEventListener("abort", onAbort);
    }
    signal?.throwIfAborted();
  }
}
