import type { ConnectError } from "@connectrpc/connect";
import { limitExceeded } from "@lockstep/core";
import type { Limits } from "@lockstep/protocol";
import type { Clock } from "../../ports/clock.ts";
import { subscriptionSuperseded } from "../errors.ts";
import { SendTurns } from "./send-turns.ts";

/** Turns of those who are up to date and of those who catch up: a disk that stalls holds up the latter alone. */
export interface Turns {
  readonly memory: SendTurns;
  readonly disk: SendTurns;
}

/** A subscription that has its place among those of its namespace. */
export interface OpenSubscription {
  /** When it may read and send. */
  readonly turns: Turns;
  /** Aborts, with the error as its reason, when a newer one of the same replica takes over. */
  readonly ended: AbortSignal;
  /** It follows as this replica from here on: the one before ends. */
  takeOver(datasetId: bigint, replica: string): void;
  /** Gives its place back. */
  close(): void;
}

/** What the subscriptions of one namespace have. */
interface Counted {
  /** How many there are, by principal. */
  readonly open: Map<string, number>;
  readonly byReplica: Map<string, AbortController>;
  /** Their own: when the disk of one namespace stalls, those of the others go on. */
  readonly turns: Turns;
}

/** The subscriptions of all namespaces: how many there may be, and which one counts for a replica. */
export class Subscriptions {
  readonly #limits: Limits;
  readonly #clock: Pick<Clock, "afterTurn">;
  readonly #byNamespace = new Map<string, Counted>();

  constructor(limits: Limits, clock: Pick<Clock, "afterTurn">) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** How many subscriptions a namespace has. */
  count(namespace: string): number {
    let count = 0;
    for (const open of this.#byNamespace.get(namespace)?.open.values() ?? []) count += open;
    return count;
  }

  /**
   * Starts a subscription.
   * @throws Refusal LIMIT_EXCEEDED naming `max_subscriptions` or `max_subscriptions_per_principal`.
   */
  open(namespace: string, principal: string): OpenSubscription {
    const { max_subscriptions, max_subscriptions_per_principal } = this.#limits;
    if (this.count(namespace) >= max_subscriptions) {
      const what = "the namespace has too many subscriptions";
      throw limitExceeded("max_subscriptions", max_subscriptions, what);
    }
    const counted = this.#of(namespace);
    const own = counted.open.get(principal) ?? 0;
    if (own >= max_subscriptions_per_principal) {
      const what = "the caller has too many subscriptions";
      throw limitExceeded("max_subscriptions_per_principal", max_subscriptions_per_principal, what);
    }
    counted.open.set(principal, own + 1);
    return openIn(counted, principal);
  }

  #of(namespace: string): Counted {
    let counted = this.#byNamespace.get(namespace);
    if (counted === undefined) {
      const turns = { memory: new SendTurns(this.#clock), disk: new SendTurns(this.#clock) };
      counted = { open: new Map(), byReplica: new Map(), turns };
      this.#byNamespace.set(namespace, counted);
    }
    return counted;
  }
}

function openIn({ open, byReplica, turns }: Counted, principal: string): OpenSubscription {
  const ended = new AbortController();
  let name: string | undefined;
  return {
    turns,
    ended: ended.signal,
    takeOver(datasetId, replica) {
      name = `${datasetId}/${replica}`;
      const superseded: ConnectError = subscriptionSuperseded();
      byReplica.get(name)?.abort(superseded);
      byReplica.set(name, ended);
    },
    close() {
      const left = (open.get(principal) ?? 1) - 1;
      if (left > 0) open.set(principal, left);
      else open.delete(principal);
      if (name !== undefined && byReplica.get(name) === ended) byReplica.delete(name);
    },
  };
}
