import { deniedAs, type NamespaceState, sessionEnded } from "@lockstep/core";
import {
  type AcquireResponse,
  type ConvertResponse,
  type Event,
  type Granted,
  TicketEnd,
} from "@lockstep/protocol";
import type { OpenReply } from "./open-reply.ts";

/** The operations that may have to wait for a lock. */
export type WaitingKind = "acquire" | "convert";

/** How a wait has ended. */
export interface Ending {
  readonly waiter: OpenReply;
  readonly outcome: AcquireResponse | ConvertResponse | Error;
}

/** What a wait comes to, whichever operation waited. */
type Outcome = Extract<AcquireResponse["outcome"], { case: "granted" | "denied" }>;

/** Those who wait for a ticket to end. The ticket waits on without them. */
export class Waiters {
  readonly #byTicket = new Map<bigint, Map<OpenReply, WaitingKind>>();

  add(ticketId: bigint, waiter: OpenReply, kind: WaitingKind): void {
    const waiters = this.#byTicket.get(ticketId);
    if (waiters === undefined) this.#byTicket.set(ticketId, new Map([[waiter, kind]]));
    else waiters.set(waiter, kind);
  }

  remove(ticketId: bigint, waiter: OpenReply): void {
    const waiters = this.#byTicket.get(ticketId);
    if (waiters?.delete(waiter) && waiters.size === 0) this.#byTicket.delete(ticketId);
  }

  /** Takes those whose wait an event has ended. `state` is that after the event. */
  endedBy({ body }: Event, state: NamespaceState): Ending[] {
    switch (body.case) {
      case "lockGranted":
      case "holdConverted":
        return this.#take(body.value.ticketId, () => ({
          case: "granted",
          value: grantOf(body.value, state),
        }));
      case "ticketEnded": {
        const { ticketId, sessionId, end } = body.value;
        return this.#take(ticketId, () =>
          end === TicketEnd.SESSION_ENDED
            ? sessionEnded(sessionId, state.sessions.get(sessionId)?.state)
            : { case: "denied", value: deniedAs(body.value) },
        );
      }
      default:
        return [];
    }
  }

  #take(ticketId: bigint, outcomeOf: () => Outcome | Error): Ending[] {
    const waiters = this.#byTicket.get(ticketId);
    if (waiters === undefined) return [];
    this.#byTicket.delete(ticketId);
    const outcome = outcomeOf();
    return [...waiters].map(([waiter, kind]) => ({
      waiter,
      outcome: outcome instanceof Error ? outcome : reply(kind, outcome),
    }));
  }
}

/** A conversion changes neither the hold nor how many grants it counts. */
function grantOf(
  { holdId, token }: { holdId: bigint; token: bigint },
  state: NamespaceState,
): Granted {
  const count = state.holds.get(holdId)?.count ?? 1;
  return { $typeName: "lockstep.v1.Granted", holdId, token, count };
}

function reply(kind: WaitingKind, outcome: Outcome): AcquireResponse | ConvertResponse {
  return kind === "convert"
    ? { $typeName: "lockstep.v1.ConvertResponse", outcome }
    : { $typeName: "lockstep.v1.AcquireResponse", outcome };
}
