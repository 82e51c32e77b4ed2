import { create } from "@bufbuild/protobuf";
import { GrantedSchema, LockMode } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { strayTicket } from "../testing-support/fake-locks.ts";
import { gate, outcomeOf, TTL_MS, world } from "../testing-support/world.ts";

describe("a list of what the session holds", () => {
  test("tells the token and mode of a conversion whose reply never came", async () => {
    const { clock, server, held } = world();
    const lock = await held("a", { mode: "UPGRADABLE" });
    const [hold] = server.session.holds;
    if (!hold) throw new Error("no hold");
    hold.token = 500n;
    hold.targets = hold.targets.map((target) => ({ ...target, mode: 1 }));
    server.state.revision = 600n;
    server.restart();
    await clock.advance(TTL_MS);
    expect([lock.token, lock.mode, lock.state]).toEqual([500n, "EXCLUSIVE", "HELD"]);
  });

  test("that is older than a conversion does not take it back", async () => {
    const { clock, server, held } = world({ attach: false });
    const lock = await held("a", { mode: "UPGRADABLE" });
    const late = gate();
    server.meddle = ({ kind }) => (kind === "getSession" ? late.promise : undefined);
    server.restart();
    await clock.advance(TTL_MS / 3 + 1);
    expect(server.requests("getSession")).toHaveLength(1);
    const converting = outcomeOf(lock.convert("EXCLUSIVE"));
    await clock.settle();
    expect(converting.settled).toBe(true);
    const { token } = lock;
    late.open();
    await clock.settle();
    expect([lock.token, lock.mode, lock.state]).toEqual([token, "EXCLUSIVE", "HELD"]);
  });

  test("that does not know of a weakening under way does not make the lock strong again [LOCK-143]", async () => {
    const { clock, server, held } = world({ attach: false });
    const lock = await held("a");
    const [early, late] = [gate(), gate()];
    server.meddle = ({ kind }) => (kind === "getSession" ? early.promise : undefined);
    server.restart();
    await clock.advance(TTL_MS / 3 + 1);
    expect(server.requests("getSession")).toHaveLength(1);
    server.meddle = ({ kind }) => (kind === "convert" ? late.promise : undefined);
    const converting = outcomeOf(lock.convert("SHARED"));
    early.open();
    await clock.settle();
    expect([converting.settled, lock.mode]).toEqual([false, "SHARED"]);
    late.open();
    await clock.settle();
    expect([converting.settled, lock.mode]).toEqual([true, "SHARED"]);
  });

  test.each([
    ["an older token", { token: 11n }],
    ["a weaker mode", { mode: LockMode.SHARED }],
  ])(
    "with %s, from a server that was set back, makes the lock lost, and the hold is given back",
    async (_, { token, mode }: { token?: bigint; mode?: LockMode }) => {
      const { clock, server, held } = world();
      const lock = await held("a", { mode: "UPGRADABLE" });
      await Promise.all([lock.convert("EXCLUSIVE"), clock.settle()]);
      const [hold] = server.session.holds;
      if (!hold) throw new Error("no hold");
      if (token) hold.token = token;
      if (mode) hold.targets = hold.targets.map((target) => ({ ...target, mode }));
      server.restart();
      await clock.advance(TTL_MS);
      expect(lock.state).toBe("LOST");
      expect(lock.signal.aborted).toBe(true);
      expect(await lock.lost).toEqual({ reason: "UNKNOWN", token: lock.token });
      expect(server.requests("release")).toMatchObject([
        { holdId: hold.holdId, token: hold.token },
      ]);
      expect(server.session.holds).toEqual([]);
    },
  );

  test("names a conversion of nobody, which is taken back while the hold goes on [SES-66]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a", { mode: "UPGRADABLE" });
    server.session.tickets.push(strayTicket("a", 901n, 78n, lock.holdId));
    server.restart();
    await clock.advance(TTL_MS);
    expect(server.session.tickets).toEqual([]);
    expect(server.requests("release")).toEqual([]);
    expect(lock.state).toBe("HELD");
  });

  test("names a conversion of nobody that is granted before it is taken back: the hold goes on, converted", async () => {
    const { clock, server, held } = world();
    const lock = await held("a", { mode: "UPGRADABLE" });
    const { session } = server;
    const ticket = strayTicket("a", 901n, 78n, lock.holdId);
    session.tickets.push(ticket);
    server.meddle = ({ kind }) => {
      const [hold] = session.holds;
      if (kind !== "cancelAcquire" || !hold) return undefined;
      session.tickets.length = 0;
      Object.assign(hold, { token: 950n, targets: ticket.targets });
      const value = create(GrantedSchema, { holdId: hold.holdId, token: 950n, count: 1 });
      session.outcomes.set(78n, { case: "granted", value });
      return undefined;
    };
    server.state.revision = 1_000n;
    server.restart();
    await clock.advance(TTL_MS);
    expect(server.requests("release")).toEqual([]);
    expect([lock.state, lock.mode, lock.token]).toEqual(["HELD", "EXCLUSIVE", 950n]);
  });

  test("leaves alone a conversion that waits", async () => {
    const { clock, server, held, another } = world();
    const lock = await held("a", { mode: "UPGRADABLE" });
    const session = server.session;
    const reader = outcomeOf(another().acquire("a", { mode: "SHARED" }));
    await clock.settle();
    const converting = outcomeOf(lock.convert("EXCLUSIVE"));
    await clock.settle();
    server.restart();
    await clock.advance(TTL_MS);
    expect(session.tickets).toHaveLength(1);
    expect(server.requests("cancelAcquire")).toEqual([]);
    void reader.value?.release();
    await clock.advance(TTL_MS);
    expect(converting.error).toBeUndefined();
    expect(lock.mode).toBe("EXCLUSIVE");
  });
});
