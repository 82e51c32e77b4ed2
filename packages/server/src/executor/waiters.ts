import {
  deniedAs,
  deniedReply,
  grantedReply,
  type NamespaceState,
  sessionEnded,
} from "@lockstep/core";
import { type AcquireResponse, type Event, TicketEnd } from "@lockstep/protocol";
import type { OpenReply } from "./open-reply.ts";

/** How a wait has ended. */
export interface Ending {
  readonly waiter: OpenReply;
  readonly outcome: AcquireResponse | Error;
}

/** Those who wait for a ticket to end. The ticket waits on without them. */
export class Waiters {
  readonly #byTicket = new Map<bigint, Set<OpenReply>>();

  add(ticketId: bigint, waiter: OpenReply): void {
    const waiters = this.#byTicket.get(ticketId);
    if (waiters === undefined) this.#byTicket.set(ticketId, new Set([waiter]));
    else waiters.add(waiter);
  }

  remove(ticketId: bigint, waiter: OpenReply): void {
    const waiters = this.#byTicket.get(ticketId);
    if (waiters?.delete(waiter) && waiters.size === 0) this.#byTicket.delete(ticketId);
  }

  /** Takes those whose wait an event has ended. */
  endedBy({ body }: Event, state: NamespaceState): Ending[] {
    if (body.case === "lockGranted" && body.value.ticketId !== 0n) {
      return this.#take(body.value.ticketId, () => grantedReply(body.value));
    }
    if (body.case !== "ticketEnded") return [];
    const { ticketId, sessionId, end } = body.value;
    return this.#take(ticketId, () =>
      end === TicketEnd.SESSION_ENDED
        ? sessionEnded(sessionId, state.sessions.get(sessionId)?.state)
        : deniedReply(deniedAs(end)),
    );
  }

  #take(ticketId: bigint, outcome: () => AcquireResponse | Error): Ending[] {
    const waiters = this.#byTicket.get(ticketId);
    if (waiters === undefined) return [];
    this.#byTicket.delete(ticketId);
    return [...waiters].map((waiter) => ({ waiter, outcome: outcome() }));
  }
}
