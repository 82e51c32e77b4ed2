import { limitExceeded } from "@lockstep/core";
import type { Limits } from "@lockstep/protocol";
import type { Namespace } from "../../executor/namespace.ts";
import { RecentEvents } from "./recent-events.ts";

const RECENT_EVENTS_MAX = 4_096;

/** The watches of all namespaces: what they share, and how many there may be. */
export class Watches {
  readonly #limits: Limits;
  readonly #recent = new Map<string, RecentEvents>();
  readonly #open = new Map<string, Map<string, number>>();

  /** Keeps the last `recentEventsMax` events of each namespace for those who have caught up. */
  constructor(
    namespaces: ReadonlyMap<string, Namespace>,
    limits: Limits,
    recentEventsMax = RECENT_EVENTS_MAX,
  ) {
    this.#limits = limits;
    for (const [name, namespace] of namespaces) {
      this.#recent.set(name, new RecentEvents(namespace, recentEventsMax));
      this.#open.set(name, new Map());
    }
  }

  /** How many watches a namespace has. */
  count(namespace: string): number {
    let count = 0;
    for (const open of this.#open.get(namespace)?.values() ?? []) count += open;
    return count;
  }

  /**
   * Starts a watch: what it reads, and the way to end it.
   * @throws Refusal LIMIT_EXCEEDED naming `max_watches` or `max_watches_per_principal`.
   */
  open(namespace: string, principal: string): { recent: RecentEvents; close: () => void } {
    const recent = this.#recent.get(namespace);
    const open = this.#open.get(namespace);
    if (recent === undefined || open === undefined) throw new Error("the namespace is not served");
    const { max_watches, max_watches_per_principal } = this.#limits;
    if (this.count(namespace) >= max_watches) {
      throw limitExceeded("max_watches", max_watches, "the namespace has too many watches");
    }
    const own = open.get(principal) ?? 0;
    if (own >= max_watches_per_principal) {
      throw limitExceeded(
        "max_watches_per_principal",
        max_watches_per_principal,
        "the caller has too many watches",
      );
    }
    open.set(principal, own + 1);
    return { recent, close: () => closeOne(open, principal) };
  }

  /** Lets go of the namespaces. */
  close(): void {
    for (const recent of this.#recent.values()) recent.close();
  }
}

function closeOne(open: Map<string, number>, principal: string): void {
  const left = (open.get(principal) ?? 1) - 1;
  if (left > 0) open.set(principal, left);
  else open.delete(principal);
}
