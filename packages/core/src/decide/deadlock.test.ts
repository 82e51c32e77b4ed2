import { DeniedReason, LockMode, type LockTarget, TicketEnd } from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { targetOf, waitersOf } from "../state/key.ts";
import { permitsOf } from "../state/policies.ts";
import { conflicts } from "../state/tally.ts";
import type { Ticket } from "../state/ticket.ts";
import { type Client, forceRelease, getLock, open, setPolicy } from "../testing-support/client.ts";
import { convert } from "../testing-support/holding.ts";
import { World } from "../testing-support/world.ts";
import { Deadlocks } from "./deadlock.ts";

const { EXCLUSIVE, SHARED, UPGRADABLE, PERMITS } = LockMode;
/** Room for stories of ten thousand. */
const MANY = {
  max_holds_per_session: 100_000,
  max_waiters_per_session: 100_000,
  max_unanswered: 100_000,
};
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

describe("The search", () => {
  it("follows a chain of ten thousand owners, and tells sixty-four of it", () => {
    const length = 10_000;
    const world = new World({ limits: MANY });
    world.checked = false;
    const ann = open(world);
    for (let at = 0; at < length; at++) ann.lock(`k${at}`, { owner: `o${at}` });
    const tickets: bigint[] = [];
    for (let at = 0; at < length; at++)
      tickets.push(ann.queue(`k${(at + 1) % length}`, { owner: `o${at}` }));
    const [victim, ...others] = victims(world);
    expect(others).toEqual([]);
    expect(victim?.ticketId).toBe(tickets.at(-1));
    expect(victim?.cycle).toEqual([tickets.at(-1), ...tickets.slice(0, 63)]);
  });

  it("walks a queue of ten thousand once, not once for each who waits in it", () => {
    const world = new World({ limits: MANY });
    world.checked = false;
    const ann = open(world);
    ann.lock("a");
    for (let at = 0; at < 10_000; at++) ann.queue("a");
    const last = [...world.state.tickets.values()].at(-1) as Ticket;
    expect(stepsOf(world, last)).toBeLessThan(3 * 10_000);
  });

  it("finds a circle through a ticket exactly when there is one, and a shortest", () => {
    fc.assert(
      fc.property(fc.array(wish, { minLength: 5, maxLength: 60 }), (wishes) => {
        const world = tangled(wishes);
        const search = new Deadlocks(world.state, []);
        for (const ticket of world.state.tickets.values()) {
          const circle = search.circleThrough(ticket);
          const length = shortestNaively(world, ticket);
          expect(circle?.length).toBe(length);
          circle?.forEach((wait, at) => {
            const next = circle[(at + 1) % circle.length]?.ticket as Ticket;
            expect(naiveEdges(world, wait.ticket).get(next)).toContain(wait.key);
          });
        }
      }),
      { numRuns: 300 },
    );
  });

  it("leaves no circle behind, and ends nothing but waits", () => {
    fc.assert(
      fc.property(fc.array(wish, { minLength: 5, maxLength: 60 }), (wishes) => {
        const world = told(wishes);
        for (const ticket of world.state.tickets.values())
          expect(shortestNaively(world, ticket)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});

/** What somebody asks for in a random story; a mode of 0 converts what it holds. */
interface RandomWish {
  readonly who: number;
  readonly owner: number;
  readonly keys: readonly number[];
  readonly mode: LockMode;
}

const wish: fc.Arbitrary<RandomWish> = fc.record({
  who: fc.nat(2),
  owner: fc.nat(2),
  keys: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 3 }),
  mode: fc.constantFrom(EXCLUSIVE, SHARED, UPGRADABLE, UPGRADABLE, LockMode.UNSPECIFIED),
});

/** A world where everybody has asked for what they wished, one after the other. */
function told(wishes: readonly RandomWish[]): World {
  const world = new World();
  const clients = [open(world), open(world), open(world)];
  for (const { who, owner, keys, mode } of wishes) {
    const client = clients[who] as Client;
    const name = owner === 0 ? "" : `o${owner}`;
    if (mode !== LockMode.UNSPECIFIED) {
      client.acquire(
        keys.map((key) => ({ key: `k${key}`, mode })),
        { owner: name, ...WAIT },
      );
      continue;
    }
    for (const hold of world.state.sessions.get(client.id)?.holds.values() ?? []) {
      const target = hold.targets.find((one) => one.mode === UPGRADABLE);
      if (hold.owner !== name || target === undefined) continue;
      convert(client, { holdId: hold.id, token: hold.token }, target.key, EXCLUSIVE, WAIT);
      break;
    }
  }
  return world;
}

/** The same without breaking any circle: nobody is waited for until all wait. */
function tangled(wishes: readonly RandomWish[]): World {
  const world = new World({ limits: { max_waiters_per_session: 1_000 } });
  world.checked = false;
  const { next } = Deadlocks.prototype;
  Deadlocks.prototype.next = () => undefined;
  try {
    const { state } = told(wishes);
    world.state = state;
  } finally {
    Deadlocks.prototype.next = next;
  }
  return world;
}

/** Whom a ticket waits for, straight from the words of the contract, with the keys they are in the way on. */
function naiveEdges({ state }: World, ticket: Ticket): Map<Ticket, string[]> {
  const edges = new Map<Ticket, string[]>();
  const add = (next: Ticket | undefined, key: string): void => {
    if (next !== undefined && next !== ticket) edges.set(next, [...(edges.get(next) ?? []), key]);
  };
  for (const target of ticket.targets) {
    const record = state.keys.get(target.key);
    if (record === undefined || permitsOf(state, target.key) > 1) continue;
    const isInTheWay = (targets: readonly LockTarget[]): boolean =>
      conflicts(targetOf(targets, target.key) as LockTarget, target, true);
    for (const hold of record.holds) {
      if (!isInTheWay(hold.targets)) continue;
      for (const other of state.tickets.values()) {
        const same =
          hold.owner === ""
            ? other.convertOf === hold.id
            : other.owner === hold.owner && other.sessionId === hold.sessionId;
        if (same) add(other, target.key);
      }
    }
    for (const waiter of waitersOf(record)) {
      if (waiter === ticket) break;
      if (isInTheWay(waiter.targets)) add(waiter, target.key);
    }
  }
  return edges;
}

/** How long a shortest circle through a ticket is; undefined without any. */
function shortestNaively(world: World, start: Ticket): number | undefined {
  let reached = new Set(naiveEdges(world, start).keys());
  for (let length = 1; length <= world.state.tickets.size; length++) {
    if (reached.has(start)) return length;
    const next = [...reached].flatMap((ticket) => [...naiveEdges(world, ticket).keys()]);
    reached = new Set(next);
  }
  return undefined;
}

/** How many waiters of any key a search from a ticket looks at. */
function stepsOf({ state }: World, ticket: Ticket): number {
  let steps = 0;
  const record = state.keys.get("a");
  const queue = record?.queue as Map<bigint, Ticket>;
  const { values } = queue;
  queue.values = function* counted(this: Map<bigint, Ticket>) {
    for (const one of Map.prototype.values.call(this) as Iterable<Ticket>) {
      steps += 1;
      yield one;
    }
  } as typeof values;
  new Deadlocks(state, []).circleThrough(ticket);
  queue.values = values;
  return steps;
}
