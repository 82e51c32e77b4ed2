import { deniedAs, type NamespaceState, sessionEnded } from "@lockstep/core";
import {
  type AcquireResponse,
  ChurnMap,
  type ConvertResponse,
  type Event,
  type Granted,
  TicketEnd,
  type TicketEnded,
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
type Outcome = Extract<ConvertResponse["outcome"], { case: "granted" | "denied" | "notHeld" }>;

/** Those who wait for a ticket to end. The ticket waits on without them. */
export class Waiters {
  readonly #byTicket = new ChurnMap<bigint, Map<OpenReply, WaitingKind>>();

  add(ticketId: bigint, waiter: OpenReply, kind: WaitingKind): void {
    const waiters = this.#byTicket.get(ticketId);
    if (waiters === undefined) this.#byTicket.set(ticketId, new Map([[waiter, kind]]));
    else waiters.set(waiter, kind);
  }

  /** Whether it still waits: nothing has been decided that ends the ticket. */
  has(ticketId: bigint, waiter: OpenReply): boolean {
    return this.#byTicket.get(ticketId)?.has(waiter) === true;
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
      case "ticketEnded":
        return this.#take(body.value.ticketId, () => endOf(body.value, state));
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

/** What the session remembers of the request knows more of the hold that a Convert wanted to change. */
function endOf(ended: TicketEnded, state: NamespaceState): Outcome | Error {
  const session = state.sessions.get(ended.sessionId);
  if (ended.end === TicketEnd.SESSION_ENDED) return sessionEnded(ended.sessionId, session?.state);
  const result = session?.outcomes.get(ended.requestId)?.result;
  if (result?.kind !== "notHeld") return { case: "denied", value: deniedAs(ended) };
  const { end, reason } = result;
  return {
    case: "notHeld",
    value: { $typeName: "lockstep.v1.NotHeld", end, lostReason: reason },
  };
}

function reply(kind: WaitingKind, outcome: Outcome): AcquireResponse | ConvertResponse {
  return kind === "acquire" && outcome.case !== "notHeld"
    ? { $typeName: "lockstep.v1.AcquireResponse", outcome }
    : { $typeName: "lockstep.v1.ConvertResponse", outcome };
}
