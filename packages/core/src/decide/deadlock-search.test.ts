import { LockMode, type LockTarget, TicketEnd } from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { targetOf, waitersOf } from "../state/key.ts";
import { permitsOf } from "../state/policies.ts";
import { conflicts } from "../state/tally.ts";
import type { Ticket } from "../state/ticket.ts";
import { type Client, open, setPolicy } from "../testing-support/client.ts";
import { convert } from "../testing-support/holding.ts";
import { countWalked } from "../testing-support/walked.ts";
import { World } from "../testing-support/world.ts";
import { Deadlocks } from "./deadlock.ts";

const { EXCLUSIVE, SHARED, UPGRADABLE } = LockMode;
/** Room for stories of ten thousand. */
const MANY = {
  max_holds_per_session: 100_000,
  max_waiters_per_session: 100_000,
  max_unanswered: 100_000,
};
const WAIT = { waitMs: 600_000 };

/** The tickets that were ended to break circles, in order, with what each was told. */
function victims(world: World): { ticketId: bigint; cycle: bigint[] }[] {
  return world.events.flatMap(({ body }) =>
    body.case === "ticketEnded" && body.value.end === TicketEnd.DEADLOCK_VICTIM
      ? [{ ticketId: body.value.ticketId, cycle: body.value.cycle.map((one) => one.ticketId) }]
      : [],
  );
}

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
    // So many wait for the last one that the search does not end with them.
    ann.lock("b", { owner: "last" });
    for (let at = 0; at < 100; at++) ann.queue("b");
    ann.queue("a", { owner: "last" });
    const last = [...world.state.tickets.values()].at(-1) as Ticket;
    expect(stepsOf(world, last)).toBeGreaterThan(9_000);
    expect(stepsOf(world, last)).toBeLessThan(3 * 10_000);
  });

  it("does not walk a queue for each who comes, though each holds what another waits for", () => {
    const world = new World({ limits: MANY });
    world.checked = false;
    const [ann, ben] = [open(world), open(world)];
    ben.lock("a");
    ben.queue("a");
    const walked = countWalked(world, "a");
    for (let at = 0; at < 1_000; at++) {
      ann.lock(`k${at}`, { owner: `o${at}` });
      ben.queue(`k${at}`);
      ann.queue("a", { owner: `o${at}` });
    }
    expect(walked()).toBeLessThan(3 * 1_000);
  });

  it("does not walk a queue for each of it when permits become one, though each holds what another waits for", () => {
    const world = new World({ limits: MANY });
    world.checked = false;
    setPolicy(world, { keyPrefix: "p", permits: 2 });
    const [ann, ben] = [open(world), open(world)];
    const wanted = { mode: LockMode.PERMITS, permits: 1 };
    ben.lock("p", wanted);
    ben.lock("p", wanted);
    for (let at = 0; at < 1_000; at++) {
      ann.lock(`k${at}`, { owner: `o${at}` });
      ben.queue(`k${at}`);
      ann.queue("p", { ...wanted, owner: `o${at}` });
    }
    const walked = countWalked(world, "p");
    setPolicy(world, { keyPrefix: "p", permits: 1 });
    // Of those behind a waiter so many are looked at as the search for followers has room for.
    expect(walked()).toBeLessThan(100 * 1_000);
    expect(victims(world)).toEqual([]);
  });

  it("leaves alone those who hold nothing when permits become one, however many wait", () => {
    const world = new World({ limits: MANY });
    world.checked = false;
    setPolicy(world, { keyPrefix: "p", permits: 2 });
    const ann = open(world);
    const wanted = { mode: LockMode.PERMITS, permits: 1 };
    ann.lock("p", wanted);
    ann.lock("p", wanted);
    for (let at = 0; at < 1_000; at++) ann.queue("p", wanted);
    const walked = countWalked(world, "p");
    setPolicy(world, { keyPrefix: "p", permits: 1 });
    expect(walked()).toBeLessThan(3 * 1_000);
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
function stepsOf(world: World, ticket: Ticket): number {
  const walked = countWalked(world, "a");
  new Deadlocks(world.state, []).circleThrough(ticket);
  return walked();
}
