import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Due, DueQueue } from "./due.ts";

const RUNS = 500;

const actions = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ add: fc.nat(40) }) },
    { weight: 3, arbitrary: fc.record({ take: fc.nat(40) }) },
    { weight: 1, arbitrary: fc.record({ retain: fc.integer({ min: 1, max: 4 }) }) },
  ),
  { maxLength: 80 },
);

describe("DueQueue", () => {
  it("gives what has come up, the earliest first, as a sorted list would", () => {
    fc.assert(
      fc.property(actions, (run) => {
        const queue = new DueQueue();
        const naive = new Set<Due>();
        let id = 0n;
        const earliest = () => Math.min(...[...naive].map(({ atMs }) => atMs));
        for (const action of run) {
          if ("add" in action) {
            id += 1n;
            const due: Due = { atMs: action.add, kind: "wait", id };
            queue.add(due);
            naive.add(due);
          } else if ("take" in action) {
            const due = queue.take(action.take);
            if (due === undefined) expect(earliest()).toBeGreaterThan(action.take);
            else expect(due.atMs).toBe(earliest());
            if (due !== undefined) expect(naive.delete(due)).toBe(true);
          } else {
            const keep = (due: Due) => due.id % BigInt(action.retain) === 0n;
            queue.retain(keep);
            for (const due of naive) if (!keep(due)) naive.delete(due);
          }
          expect(queue.size).toBe(naive.size);
          expect(queue.nextAtMs).toBe(naive.size === 0 ? undefined : earliest());
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("gives nothing before its time, and then what was due at that very moment", () => {
    const queue = new DueQueue();
    queue.add({ atMs: 10, kind: "lease", id: 1n });
    expect(queue.take(9.999)).toBeUndefined();
    expect(queue.take(10)?.id).toBe(1n);
    expect(queue.take(10)).toBeUndefined();
  });
});
