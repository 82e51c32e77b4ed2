import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Ticket } from "./ticket.ts";
import { WaitQueue } from "./wait-queue.ts";

const RUNS = 300;

const ticketOf = (id: number) => ({ id: BigInt(id) }) as Ticket;

/** Who comes, who goes out of all that ever came, and how often the first goes. */
const actions = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ come: fc.integer({ min: 1, max: 60 }) }) },
    { weight: 3, arbitrary: fc.record({ go: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ serve: fc.integer({ min: 1, max: 60 }) }) },
  ),
  { maxLength: 40 },
);

describe("WaitQueue", () => {
  it("is a list of those who wait, by arrival, whoever goes", () => {
    fc.assert(
      fc.property(actions, (run) => {
        const queue = new WaitQueue();
        let naive: Ticket[] = [];
        let last = 0;
        const remove = (ticket: Ticket | undefined) => {
          if (ticket === undefined) return;
          queue.remove(ticket);
          naive = naive.filter((one) => one !== ticket);
        };
        for (const action of run) {
          if ("come" in action) {
            for (let count = 0; count < action.come; count++) {
              last += 2;
              naive.push(ticketOf(last));
              queue.add(naive.at(-1) as Ticket);
            }
          } else if ("go" in action) {
            remove(naive[action.go % Math.max(1, naive.length)]);
          } else {
            for (let count = 0; count < action.serve; count++) remove(queue.values().next().value);
          }
          expect([...queue.values()]).toEqual(naive);
          expect(queue.size).toBe(naive.length);
          for (const ticket of naive) expect(queue.get(ticket.id)).toBe(ticket);
          for (const id of [0n, BigInt(last >> 1), BigInt(last)]) {
            const after = naive.filter((ticket) => ticket.id > id);
            expect([...queue.valuesAfter(id)]).toEqual(after);
          }
          expect(queue.get(1n)).toBeUndefined();
          expect(queue.get(BigInt(last) + 2n)).toBeUndefined();
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("takes nobody out who does not wait in it", () => {
    const queue = new WaitQueue();
    for (const id of [2, 4, 6]) queue.add(ticketOf(id));
    queue.remove(ticketOf(4));
    for (const id of [1, 3, 4, 7]) queue.remove(ticketOf(id));
    expect([...queue.values()].map(({ id }) => id)).toEqual([2n, 6n]);
    expect(queue.get(4n)).toBeUndefined();
  });

  it("puts who comes out of turn at its place", () => {
    const queue = new WaitQueue();
    for (const id of [2, 6, 4, 1]) queue.add(ticketOf(id));
    expect([...queue.values()].map(({ id }) => id)).toEqual([1n, 2n, 4n, 6n]);
  });
});
