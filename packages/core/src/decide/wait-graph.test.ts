import { LockMode } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { open } from "../testing-support/client.ts";
import { convert } from "../testing-support/holding.ts";
import { waitGraph } from "../testing-support/operator.ts";
import { World } from "../testing-support/world.ts";

const { EXCLUSIVE, SHARED, UPGRADABLE } = LockMode;

describe("The wait graph", () => {
  it("tells for each waiting request and key who is in its way [LOCK-176]", () => {
    const world = new World();
    const [ann, ben, cat] = [open(world), open(world), open(world)];
    const a = ann.lock("a");
    const b = ben.lock("b", { mode: SHARED });
    const first = cat.queue(["a", "b", "c"], { owner: "o" });
    const second = ann.queue("b");
    expect(waitGraph(world)).toMatchObject({
      truncated: false,
      waits: [
        {
          waiter: { ticketId: first, key: "a", sessionId: cat.id, owner: "o" },
          waitsFor: [{ holdId: a.holdId, key: "a" }],
        },
        {
          waiter: { ticketId: first, key: "b" },
          waitsFor: [{ holdId: b.holdId, sessionId: ben.id }],
        },
        {
          waiter: { ticketId: second, key: "b" },
          waitsFor: [{ holdId: b.holdId }, { ticketId: first }],
        },
      ],
    });
  });

  it("leaves the hold of a Convert out of its own way, and those who stand behind it", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    const held = ann.lock("a", { mode: UPGRADABLE });
    const beside = ben.lock("a", { mode: SHARED });
    ben.queue("a");
    convert(ann, held, "a", EXCLUSIVE, { waitMs: 60_000 });
    const { waits } = waitGraph(world);
    expect(waits[0]?.waitsFor).toHaveLength(3);
    expect(waits[1]).toMatchObject({ waitsFor: [{ holdId: beside.holdId }] });
  });

  it("is told for a prefix, and no further than was asked for", () => {
    const world = new World();
    const ann = open(world);
    for (const key of ["a", "b1", "b2"]) {
      ann.lock(key);
      ann.queue(key);
    }
    const keys = (options: Parameters<typeof waitGraph>[1]) => {
      const { waits, truncated } = waitGraph(world, options);
      return [waits.map(({ waiter }) => waiter?.key), truncated];
    };
    expect(keys({ keyPrefix: "b" })).toEqual([["b1", "b2"], false]);
    expect(keys({ waitsMax: 2 })).toEqual([["a", "b1"], true]);
    expect(keys({ waitsMax: 3 })).toEqual([["a", "b1", "b2"], false]);
  });

  it("is cut off rather than too large for a reply", () => {
    const world = new World({ limits: { max_response_bytes: 16 * 1024 } });
    const ann = open(world, { displayName: "n".repeat(500) });
    ann.lock("a");
    for (let at = 0; at < 30; at++) ann.queue("a");
    const { waits, truncated } = waitGraph(world);
    expect(truncated).toBe(true);
    expect(waits.length).toBeLessThan(15);
    expect(waits.length).toBeGreaterThan(0);
  });
});
