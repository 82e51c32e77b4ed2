import { DeniedReason, LockMode, TicketEnd } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { type Client, forceRelease, getLock, open, setPolicy } from "../testing-support/client.ts";
import { convert } from "../testing-support/holding.ts";
import { World } from "../testing-support/world.ts";

const { EXCLUSIVE, SHARED, UPGRADABLE, PERMITS } = LockMode;
const WAIT = { waitMs: 600_000 };

function people(): { world: World; ann: Client; ben: Client; cat: Client } {
  const world = new World();
  return { world, ann: open(world), ben: open(world), cat: open(world) };
}

/** The tickets that were ended to break circles, in order, with what each was told. */
function victims(world: World): { ticketId: bigint; cycle: bigint[] }[] {
  return world.events.flatMap(({ body }) =>
    body.case === "ticketEnded" && body.value.end === TicketEnd.DEADLOCK_VICTIM
      ? [{ ticketId: body.value.ticketId, cycle: body.value.cycle.map((one) => one.ticketId) }]
      : [],
  );
}

describe("A circle of owners", () => {
  it("loses the newest of its waiting requests, and no hold [LOCK-55] [LOCK-56] [LOCK-57]", () => {
    const { world, ann, ben } = people();
    ann.lock("a", { owner: "o" });
    ben.lock("b", { owner: "o" });
    const first = ann.queue("b", { owner: "o" });
    const second = ben.queue("a", { owner: "o", requestId: 9n, correlationId: "trace" });
    expect(victims(world)).toEqual([{ ticketId: second, cycle: [second, first] }]);
    expect(ben.acquire("a", { owner: "o", requestId: 9n, ...WAIT })).toMatchObject({
      case: "denied",
      reason: DeniedReason.DEADLOCK_VICTIM,
      blockers: [{ key: "a", sessionId: ann.id }],
      cycle: [
        { key: "a", ticketId: second, sessionId: ben.id, correlationId: "trace" },
        { key: "b", ticketId: first, sessionId: ann.id },
      ],
    });
    expect(world.state.holds.size).toBe(2);
    expect(world.state.tickets.size).toBe(1);
    expect(world.batches.at(-1)?.map(({ body }) => body.case)).toEqual([
      "lockQueued",
      "ticketEnded",
    ]);
  });

  it("loses the request with the lowest priority, however old it is [LOCK-56]", () => {
    const { world, ann, ben } = people();
    ann.lock("a", { owner: "o" });
    ben.lock("b", { owner: "o" });
    const first = ann.queue("b", { owner: "o", deadlockPriority: -1 });
    const second = ben.queue("a", { owner: "o" });
    expect(victims(world)).toEqual([{ ticketId: first, cycle: [first, second] }]);
    expect(world.state.tickets.has(second)).toBe(true);
  });

  it("of three is told whole, each before the one it waits for [LOCK-57]", () => {
    const { world, ann, ben, cat } = people();
    const all = [ann, ben, cat];
    for (const [at, client] of all.entries()) client.lock(`k${at}`, { owner: "o" });
    const tickets = all.map((client, at) => client.queue(`k${(at + 1) % 3}`, { owner: "o" }));
    const [one, two, three] = tickets as [bigint, bigint, bigint];
    expect(victims(world)).toEqual([{ ticketId: three, cycle: [three, one, two] }]);
  });

  it("is found through an earlier waiter that holds nothing", () => {
    const { world, ann, ben, cat } = people();
    ann.lock("a", { owner: "o" });
    ben.lock("b");
    const middle = cat.queue(["a", "b"]);
    const last = ann.queue("b", { owner: "o" });
    expect(victims(world)).toEqual([{ ticketId: last, cycle: [last, middle] }]);
  });

  it("of one session's owners is one too", () => {
    const { world, ann } = people();
    ann.lock("a", { owner: "x" });
    ann.lock("b", { owner: "y" });
    ann.queue("b", { owner: "x" });
    ann.queue("a", { owner: "y" });
    expect(victims(world)).toHaveLength(1);
  });

  it("with a Convert in it is broken as well, whichever of both came last [LOCK-60]", () => {
    for (const convertLast of [false, true]) {
      const { world, ann, ben } = people();
      const held = ann.lock("a", { mode: UPGRADABLE, owner: "o" });
      ann.lock("b", { owner: "o" });
      ben.lock("a", { mode: SHARED, owner: "o" });
      const steps = [
        () => ben.queue("b", { owner: "o" }),
        () => convert(ann, held, "a", EXCLUSIVE, WAIT),
      ];
      for (const step of convertLast ? steps : steps.reverse()) step();
      expect(victims(world)).toHaveLength(1);
      expect(victims(world)[0]?.cycle).toHaveLength(2);
      expect(world.state.tickets.size).toBe(1);
    }
  });

  it("with the Convert of a hold without an owner is one: the hold is its own", () => {
    const { world, ann, ben } = people();
    const held = ann.lock([
      { key: "a", mode: UPGRADABLE },
      { key: "b", mode: EXCLUSIVE },
    ]);
    ben.lock("a", { mode: SHARED, owner: "o" });
    ben.queue("b", { owner: "o" });
    convert(ann, held, "a", EXCLUSIVE, WAIT);
    expect(victims(world)).toHaveLength(1);
  });

  it("is found through a Convert that stands before who has waited for longer", () => {
    const { world, ann, ben, cat } = people();
    const dora = open(world);
    const held = ann.lock("u", { mode: UPGRADABLE, owner: "o" });
    ben.lock("u", { mode: SHARED, owner: "o" });
    cat.lock("c", { owner: "o" });
    dora.lock("d");
    const reader = cat.queue(["d", "u"], { mode: SHARED, owner: "o" });
    const second = ben.queue("c", { owner: "o" });
    convert(ann, held, "u", EXCLUSIVE, WAIT);
    const last = world.events.at(-2)?.revision;
    expect(victims(world)).toEqual([{ ticketId: last, cycle: [last, second, reader] }]);
  });

  it("after circle is broken until the new waiter is in none", () => {
    const { world, ann, ben, cat } = people();
    ann.lock("a", { owner: "o" });
    ben.lock("s", { mode: SHARED, owner: "o" });
    cat.lock("s", { mode: SHARED, owner: "o" });
    const low = { owner: "o", deadlockPriority: -1 };
    const [one, two] = [ben.queue("a", low), cat.queue("a", low)];
    const last = ann.queue("s", { owner: "o" });
    expect(victims(world).map(({ ticketId }) => ticketId)).toEqual([one, two]);
    expect(world.state.tickets.has(last)).toBe(true);
  });

  it("lets those behind the victim go on in the same step", () => {
    const { world, ann, ben, cat } = people();
    ann.lock("a", { mode: SHARED, owner: "o" });
    ben.lock("b", { owner: "o" });
    const first = ben.queue("a", { owner: "o", deadlockPriority: -1 });
    cat.queue("a", { mode: SHARED });
    ann.queue("b", { owner: "o" });
    expect(victims(world)).toMatchObject([{ ticketId: first }]);
    expect(getLock(world, "a").holders).toHaveLength(2);
  });
});

describe("No circle", () => {
  it("is a request that only waits behind others [LOCK-61]", () => {
    const { world, ann, ben, cat } = people();
    ann.lock("a", { owner: "o" });
    ben.queue("a", { owner: "o" });
    cat.lock("b", { owner: "o" });
    cat.queue("a", { owner: "o" });
    ann.queue("b", { owner: "p" });
    expect(victims(world)).toEqual([]);
  });

  it("is made by requests without an owner, which are linked to nothing [LOCK-35]", () => {
    const { world, ann, ben } = people();
    ann.lock("a");
    ben.lock("b");
    ann.queue("b");
    ben.queue("a");
    expect(victims(world)).toEqual([]);
  });

  it("is made by readers that wait beside one another [LOCK-61]", () => {
    const { world, ann, ben, cat } = people();
    cat.lock("x");
    ann.lock("a", { mode: SHARED, owner: "o" });
    ben.lock("b", { owner: "o" });
    ann.queue("b", { owner: "o" });
    const before = victims(world).length;
    ben.acquire("a", { mode: SHARED, owner: "o", ...WAIT });
    expect(victims(world).length).toBe(before);
  });

  it("goes through what a lost hold blocks: it ends by itself [LOCK-61]", () => {
    const { world, ann, ben } = people();
    const held = ann.lock("a", { owner: "o" });
    ben.lock("b", { owner: "o" });
    ann.queue("b", { owner: "o" });
    forceRelease(world, "a", held.token);
    ben.queue("a", { owner: "o" });
    expect(victims(world)).toEqual([]);
  });

  it("goes through a key that offers several permits [LOCK-59]", () => {
    const { world, ann, ben } = people();
    setPolicy(world, { keyPrefix: "p", permits: 2 });
    const two = { mode: PERMITS, permits: 2, owner: "o" };
    ann.lock("p", two);
    ben.lock("b", { owner: "o" });
    ann.queue("b", { owner: "o" });
    ben.queue("p", two);
    expect(victims(world)).toEqual([]);
  });
});

describe("A Convert that is granted at once", () => {
  it("closes a circle with those who only now wait for its hold [LOCK-64]", () => {
    const { world, ann, ben, cat } = people();
    const upgradable = ann.lock("a", { mode: UPGRADABLE, owner: "o" });
    ben.lock("b", { owner: "o" });
    cat.lock("c");
    const first = ann.queue("b", { owner: "o" });
    const shared = [
      { key: "a", mode: SHARED },
      { key: "c", mode: EXCLUSIVE },
    ];
    const second = ben.queue(shared, { owner: "o" });
    expect(victims(world)).toEqual([]);
    expect(convert(ann, upgradable, "a", EXCLUSIVE)).toMatchObject({ case: "granted" });
    expect(victims(world)).toEqual([{ ticketId: second, cycle: [second, first] }]);
    expect(world.state.tickets.has(first)).toBe(true);
  });

  it("closes one too when its hold has no owner and waits for another of its keys [LOCK-64]", () => {
    const { world, ann, ben, cat } = people();
    const upgradable = ann.lock(["a", "b"], { mode: UPGRADABLE });
    ben.lock("b", { mode: SHARED, owner: "o" });
    cat.lock("c");
    const first = convert(ann, upgradable, "b", EXCLUSIVE, WAIT).value;
    const shared = [
      { key: "a", mode: SHARED },
      { key: "c", mode: EXCLUSIVE },
    ];
    const second = ben.queue(shared, { owner: "o" });
    expect(convert(ann, upgradable, "a", EXCLUSIVE)).toMatchObject({ case: "granted" });
    expect(victims(world)).toEqual([{ ticketId: second, cycle: [second, first] }]);
  });
});

describe("When permits are lowered to one", () => {
  function circle() {
    const { world, ann, ben } = people();
    setPolicy(world, { keyPrefix: "p", permits: 2 });
    const one = { mode: PERMITS, permits: 1, owner: "o" };
    ann.lock("p", one);
    ann.lock("p", { ...one, owner: "other" });
    ben.lock("b", { owner: "o" });
    const first = ben.queue("p", one);
    const second = ann.queue("b", { owner: "o" });
    return { world, first, second };
  }

  it("the circles that this closes are searched for [LOCK-58]", () => {
    const { world, first, second } = circle();
    expect(victims(world)).toEqual([]);
    setPolicy(world, { keyPrefix: "p", permits: 1 });
    expect(victims(world)).toEqual([{ ticketId: second, cycle: [second, first] }]);
  });

  it("a circle is found in which only others than those who wait for permits hold anything [LOCK-58]", () => {
    const { world, ann, ben, cat } = people();
    setPolicy(world, { keyPrefix: "p", permits: 2 });
    const one = { mode: PERMITS, permits: 1 };
    ann.lock("p", { ...one, owner: "o" });
    cat.lock("p", one);
    cat.lock("m");
    const first = ben.queue([{ key: "p", ...one }, "m"], { owner: "o" });
    const second = ann.queue("m", { owner: "o" });
    expect(victims(world)).toEqual([]);
    setPolicy(world, { keyPrefix: "p", permits: 1 });
    expect(victims(world)).toEqual([{ ticketId: second, cycle: [second, first] }]);
  });

  it("whoever cannot wait any longer makes no victim of others", () => {
    const { world, ann, ben } = people();
    setPolicy(world, { keyPrefix: "p", permits: 2 });
    ann.lock("p", { mode: PERMITS, permits: 1, owner: "o" });
    ben.lock("b", { owner: "o" });
    const first = ben.queue("p", { mode: PERMITS, permits: 2, owner: "o" });
    ann.queue("b", { owner: "o" });
    setPolicy(world, { keyPrefix: "p", permits: 1 });
    expect(victims(world)).toEqual([]);
    expect(world.state.tickets.has(first)).toBe(false);
  });
});
