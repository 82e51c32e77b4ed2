import { DeniedReason, ErrorReason, LockOrdering } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { open, refused } from "../testing-support/client.ts";
import { configure } from "../testing-support/operator.ts";
import { World } from "../testing-support/world.ts";

const ASCENDING = { ordering: LockOrdering.ASCENDING };

describe("The settings of a namespace", () => {
  it("are what nobody has changed at first", () => {
    const { namespace } = new World().reply({ kind: "getNamespace" });
    expect(namespace).toMatchObject({
      version: 0n,
      settings: { ordering: LockOrdering.NONE, quarantineAfterLosses: 0, quarantineWindowMs: 0n },
    });
  });

  it("are changed as a whole, stay over a recovery, and count their changes", () => {
    const world = new World();
    expect(configure(world, { quarantineAfterLosses: 3, quarantineWindowMs: 9_000n })).toBe(1n);
    expect(configure(world, ASCENDING)).toBe(2n);
    expect(world.events.at(-1)).toMatchObject({ actor: "operator", reason: "policy" });
    world.restart();
    expect(world.reply({ kind: "getNamespace" }).namespace).toMatchObject({
      version: 2n,
      settings: { ordering: LockOrdering.ASCENDING, quarantineAfterLosses: 0 },
    });
  });

  it("act on what is asked for next", () => {
    const world = new World();
    const ann = open(world);
    ann.lock("b", { owner: "o" });
    configure(world, ASCENDING);
    expect(ann.acquire("a", { owner: "o" })).toMatchObject({
      reason: DeniedReason.ORDER_VIOLATION,
    });
  });

  it("are not changed by who expects another version, and a repeat is answered as done [GEN-73]", () => {
    const world = new World();
    configure(world, ASCENDING, 0n);
    const before = world.state.revision;
    expect(configure(world, ASCENDING, 0n)).toBe(1n);
    for (const [settings, version] of [
      [{}, 0n],
      [ASCENDING, 2n],
      [ASCENDING, 7n],
    ] as const) {
      const refusal = refused(() => configure(world, settings, version));
      expect(refusal).toMatchObject({
        reason: ErrorReason.VERSION_MISMATCH,
        metadata: { version: "1" },
      });
    }
    expect(world.state.revision).toBe(before);
  });
});
