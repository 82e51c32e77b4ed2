import type { KeyRecord } from "../state/key.ts";
import type { World } from "./world.ts";

/** Counts how many of those who wait for a key are looked at from now on, until it has no queue any more. */
export function countWalked({ state }: World, key: string): () => number {
  let walked = 0;
  const { queue } = state.keys.get(key) as KeyRecord;
  const values = queue.values.bind(queue);
  Object.assign(queue, {
    values: function* () {
      for (const ticket of values()) {
        walked += 1;
        yield ticket;
      }
    },
  });
  return () => walked;
}
