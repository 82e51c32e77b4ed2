import { limitExceeded } from "@lockstep/core";
import type { Limits } from "@lockstep/protocol";
import type { Namespace } from "../../executor/namespace.ts";
import { RecentEvents } from "./recent-events.ts";

const RECENT_EVENTS_MAX = 4_096;

/** What the watches of one namespace share. */
interface Watched {
  readonly recent: RecentEvents;
  /** How many there are, by principal. */
  readonly open: Map<string, number>;
}

/** The watches of all namespaces: what they share, and how many there may be. */
export class Watches {
  readonly #limits: Limits;
  readonly #recentEventsMax: number;
  readonly #byNamespace = new Map<string, Watched>();

  /** Keeps the last `recentEventsMax` events of each namespace for those who have caught up. */
  constructor(limits: Limits, recentEventsMax = RECENT_EVENTS_MAX) {
    this.#limits = limits;
    this.#recentEventsMax = recentEventsMax;
  }

  /** How many watches a namespace has. */
  count(name: string): number {
    let count = 0;
    for (const open of this.#byNamespace.get(name)?.open.values() ?? []) count += open;
    return count;
  }

  /**
   * Starts a watch: what it reads, and the way to end it.
   * @throws Refusal LIMIT_EXCEEDED naming `max_watches` or `max_watches_per_principal`.
   */
  open(
    name: string,
    namespace: Namespace,
    principal: string,
  ): { recent: RecentEvents; close: () => void } {
    const { recent, open } = this.#of(name, namespace);
    const { max_watches, max_watches_per_principal } = this.#limits;
    if (this.count(name) >= max_watches) {
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
    for (const { recent } of this.#byNamespace.values()) recent.close();
  }

  /** Of a namespace nobody watches nothing is kept; with the first watch that begins. */
  #of(name: string, namespace: Namespace): Watched {
    let watched = this.#byNamespace.get(name);
    if (watched === undefined) {
      const recent = new RecentEvents(namespace, this.#recentEventsMax);
      watched = { recent, open: new Map() };
      this.#byNamespace.set(name, watched);
    }
    return watched;
  }
}

function closeOne(open: Map<string, number>, principal: string): void {
  const left = (open.get(principal) ?? 1) - 1;
  if (left > 0) open.set(principal, left);
  else open.delete(principal);
}
