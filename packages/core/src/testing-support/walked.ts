import type { KeyRecord } from "../state/key.ts";
import type { Ticket } from "../state/ticket.ts";
import type { World } from "./world.ts";

/** Counts how many of those who wait for a key are looked at from now on, until it has no queue any more. */
export function countWalked({ state }: World, key: string): () => number {
  let walked = 0;
  const { queue } = state.keys.get(key) as KeyRecord;
  function* counting(tickets: Iterable<Ticket>): Generator<Ticket> {
    for (const ticket of tickets) {
      walked += 1;
      yield ticket;
    }
  }
  const values = queue.values.bind(queue);
  const valuesAfter = queue.valuesAfter.bind(queue);
  Object.assign(queue, {
    values: () => counting(values()),
    valuesAfter: (id: bigint) => counting(valuesAfter(id)),
  });
  return () => walked;
}
