import type { GetWaitGraphResponse, Wait } from "@lockstep/protocol";
import type { Op } from "../op.ts";
import type { NamespaceState } from "../state/state.ts";
import { blockersOf, ticketBlocker } from "../view/blockers.ts";
import { PageRoom, waitBytes } from "../view/page-room.ts";
import { type Decision, replyOnly } from "./decision.ts";

const DEFAULT_WAITS = 1_000;

/** Tells who waits for whom: each waiting request, once for each key that is in its way. */
export function decideGetWaitGraph(
  state: NamespaceState,
  { request }: Op<"getWaitGraph">,
): Decision<"getWaitGraph"> {
  const max = request.waitsMax || DEFAULT_WAITS;
  const room = new PageRoom(state.limits.max_response_bytes);
  const graph: GetWaitGraphResponse = {
    $typeName: "lockstep.v1.GetWaitGraphResponse",
    waits: [],
    truncated: false,
  };
  for (const wait of waits(state, request.keyPrefix)) {
    graph.truncated = graph.waits.length === max || !room.take(waitBytes(wait));
    if (graph.truncated) break;
    graph.waits.push(wait);
  }
  return replyOnly(graph);
}

/** By rising ticket id: tickets are kept in the order of their arrival. */
function* waits(state: NamespaceState, keyPrefix: string): Generator<Wait> {
  for (const ticket of state.tickets.values()) {
    const { id: ticketId, convertOf } = ticket;
    for (const target of ticket.targets) {
      if (!target.key.startsWith(keyPrefix)) continue;
      const waitsFor = blockersOf(state, { targets: [target], ticketId, convertOf });
      if (waitsFor.length === 0) continue;
      yield {
        $typeName: "lockstep.v1.Wait",
        waiter: ticketBlocker(state, ticket, target),
        waitsFor,
      };
    }
  }
}
