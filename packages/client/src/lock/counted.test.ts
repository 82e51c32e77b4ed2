import { describe, expect, test } from "vitest";
import { strayHold } from "../testing-support/fake-locks.ts";
import { gate, outcomeOf, TTL_MS, world } from "../testing-support/world.ts";

const COUNTED = { owner: "task", reentrancy: "count" } as const;

describe.each([
  ["Attach", true],
  ["unary calls", false],
])("over %s, a lock entered again by its owner", (_, attach) => {
  test("is one hold with two handles, held until both were released", async () => {
    const { clock, server, held } = world({ attach });
    const outer = await held("a", COUNTED);
    const inner = await held("a", COUNTED);
    expect([inner.holdId, inner.token]).toEqual([outer.holdId, outer.token]);
    expect(server.session.holds).toMatchObject([{ count: 2 }]);
    await Promise.all([inner.release(), clock.settle()]);
    expect([outer.state, inner.state]).toEqual(["HELD", "RELEASED"]);
    expect(server.session.holds).toMatchObject([{ count: 1 }]);
    await Promise.all([inner.release(), outer.release(), clock.settle()]);
    expect(outer.state).toBe("RELEASED");
    expect(server.session.holds).toEqual([]);
    expect(server.requests("release")).toHaveLength(2);
  });

  test("is lost for all its handles at once [LOCK-142]", async () => {
    const { clock, server, held } = world({ attach });
    const outer = await held("a", COUNTED);
    const inner = await held("a", COUNTED);
    await clock.advance(0);
    const states: string[] = [];
    inner.signal.addEventListener("abort", () => states.push(outer.state));
    outer.signal.addEventListener("abort", () => states.push(inner.state));
    server.state.forceRelease(server.session, "a");
    await clock.advance(TTL_MS / 3 + 10);
    expect(states).toEqual(["LOST", "LOST"]);
  });
});

describe("a lock entered again by its owner", () => {
  test("is converted and given away for all its handles", async () => {
    const { clock, held, another } = world();
    const outer = await held("a", { ...COUNTED, mode: "UPGRADABLE" });
    const inner = await held("a", { ...COUNTED, mode: "UPGRADABLE" });
    await Promise.all([inner.convert("EXCLUSIVE"), clock.settle()]);
    expect([outer.mode, outer.token]).toEqual(["EXCLUSIVE", inner.token]);
    let to = { sessionId: 0n, requestId: 0n };
    const onRequest = (request: typeof to) => {
      to = request;
    };
    void another().acquire("a", { onRequest });
    await clock.settle();
    await Promise.all([outer.transfer(to), clock.settle()]);
    expect([outer.state, inner.state]).toEqual(["TRANSFERRED", "TRANSFERRED"]);
  });

  test("is refused without the wish to count", async () => {
    const { clock, client, held } = world();
    await held("a", { owner: "task" });
    const again = outcomeOf(client.acquire("a", { owner: "task" }));
    await clock.settle();
    expect(again.error).toMatchObject({ reason: "REENTRANCY" });
  });

  test("whose second grant was taken back counts one less", async () => {
    const { clock, server, client, held } = world();
    const outer = await held("a", COUNTED);
    const late = gate();
    server.meddle = ({ kind }) => (kind === "acquire" ? late.promise : undefined);
    const abort = new AbortController();
    const inner = outcomeOf(client.acquire("a", { ...COUNTED, signal: abort.signal }));
    await clock.settle();
    expect(server.session.holds).toMatchObject([{ count: 2 }]);
    abort.abort("no");
    await clock.settle();
    expect(inner.error).toBe("no");
    expect(server.session.holds).toMatchObject([{ count: 1 }]);
    expect(outer.state).toBe("HELD");
  });

  test("whose second grant is taken back after a conversion shows the token of now", async () => {
    const { clock, server, client, held } = world();
    const upgradable = { ...COUNTED, mode: "UPGRADABLE" } as const;
    const outer = await held("a", upgradable);
    const late = gate();
    server.meddle = ({ kind }) => (kind === "acquire" ? late.promise : undefined);
    const abort = new AbortController();
    client.acquire("a", { ...upgradable, signal: abort.signal }).catch(() => {});
    await clock.settle();
    await Promise.all([outer.convert("EXCLUSIVE"), clock.settle()]);
    abort.abort("no");
    await clock.settle();
    expect(server.requests("release")).toMatchObject([{ token: outer.token }]);
    expect(server.session.holds).toMatchObject([{ count: 1 }]);
  });

  test("whose loss is known before its second grant arrives is not believed in", async () => {
    const { clock, server, client, held } = world();
    const outer = await held("a", COUNTED);
    await clock.advance(0);
    const late = gate();
    server.meddle = ({ kind }) => (kind === "acquire" ? late.promise : undefined);
    const inner = outcomeOf(client.acquire("a", COUNTED));
    await clock.settle();
    server.push(server.state.forceRelease(server.session, "a"));
    await clock.settle();
    expect(outer.state).toBe("LOST");
    late.open();
    await clock.settle();
    expect(inner.error).toMatchObject({ name: "LockLostError", reason: "FORCE_RELEASED" });
  });

  test("is lost for the others when the release of one ends it, at a server that was set back", async () => {
    const { clock, server, held } = world();
    const outer = await held("a", COUNTED);
    const inner = await held("a", COUNTED);
    const [hold] = server.session.holds;
    if (!hold) throw new Error("no hold");
    hold.count = 1;
    await Promise.all([inner.release(), clock.settle()]);
    expect([outer.state, inner.state]).toEqual(["LOST", "RELEASED"]);
    expect(outer.signal.aborted).toBe(true);
  });
});

describe("a list of what the session holds", () => {
  test("that counts more than there are handles makes the client give back the surplus [SES-66]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a", COUNTED);
    const [hold] = server.session.holds;
    if (!hold) throw new Error("no hold");
    hold.count = 4;
    server.restart();
    await clock.advance(TTL_MS);
    expect(server.session.holds).toMatchObject([{ count: 1 }]);
    expect(server.requests("release")).toHaveLength(3);
    expect(lock.state).toBe("HELD");
  });

  test("that comes again before the surplus is given back makes nothing be given back twice", async () => {
    const { clock, server, held } = world();
    const lock = await held("a", COUNTED);
    const [hold] = server.session.holds;
    if (!hold) throw new Error("no hold");
    hold.count = 3;
    server.meddle = ({ kind }) => (kind === "release" ? "loseRequest" : undefined);
    server.restart();
    await clock.advance(1_000);
    server.restart();
    await clock.advance(1_000);
    server.meddle = () => undefined;
    await clock.advance(TTL_MS);
    expect(server.session.holds).toMatchObject([{ count: 1 }]);
    expect(lock.state).toBe("HELD");
  });

  test("that is older than a grant which entered the hold again does not give that back", async () => {
    const { clock, server, client, held } = world({ attach: false });
    const outer = [await held("a", COUNTED), await held("a", COUNTED)];
    const [list, grant] = [gate(), gate()];
    server.meddle = ({ kind }) => (kind === "getSession" ? list.promise : undefined);
    server.restart();
    await clock.advance(TTL_MS / 3 + 1);
    expect(server.requests("getSession")).toHaveLength(1);
    server.meddle = ({ kind }) => (kind === "acquire" ? grant.promise : undefined);
    const inner = outcomeOf(client.acquire("a", COUNTED));
    await clock.settle();
    await Promise.all([...outer.map((lock) => lock.release()), clock.settle()]);
    grant.open();
    await clock.settle();
    expect(inner.value?.state).toBe("HELD");
    list.open();
    await clock.advance(TTL_MS);
    expect(inner.value?.state).toBe("HELD");
    expect(server.session.holds).toMatchObject([{ count: 1 }]);
    expect(server.requests("release")).toHaveLength(2);
  });

  test("that counts fewer than there are handles, from a server that was set back, leaves the lock to the last of them", async () => {
    const { clock, server, held } = world();
    const locks = [await held("a", COUNTED), await held("a", COUNTED), await held("a", COUNTED)];
    const [hold] = server.session.holds;
    if (!hold) throw new Error("no hold");
    hold.count = 1;
    server.restart();
    await clock.advance(TTL_MS);
    expect(locks.map(({ state }) => state)).toEqual(["HELD", "HELD", "HELD"]);
    await Promise.all([locks[0]?.release(), locks[1]?.release(), clock.settle()]);
    expect(server.session.holds).toHaveLength(1);
    expect(locks.map(({ state }) => state)).toEqual(["RELEASED", "RELEASED", "HELD"]);
    await Promise.all([locks[2]?.release(), clock.settle()]);
    expect(server.session.holds).toEqual([]);
  });

  test("gives back a counted hold of nobody as often as it counts [SES-66]", async () => {
    const { clock, server, held } = world();
    await held("b");
    server.session.holds.push({ ...strayHold("a", 900n, 77n), count: 3 });
    server.restart();
    await clock.advance(TTL_MS);
    expect(server.session.holds).toMatchObject([{ key: "b" }]);
  });

  test("that is older than a release does not give back what is held", async () => {
    const { clock, server, held } = world({ attach: false });
    const outer = await held("a", COUNTED);
    const inner = await held("a", COUNTED);
    const late = gate();
    server.meddle = ({ kind }) => (kind === "getSession" ? late.promise : undefined);
    server.restart();
    await clock.advance(TTL_MS / 3 + 1);
    expect(server.requests("getSession")).toHaveLength(1);
    await Promise.all([inner.release(), clock.settle()]);
    late.open();
    await clock.advance(TTL_MS);
    expect(server.session.holds).toMatchObject([{ count: 1 }]);
    expect(outer.state).toBe("HELD");
  });

  test("leaves alone the count of an acquire whose grant is still on its way", async () => {
    const { clock, server, client, held } = world({ attach: false });
    await held("a", COUNTED);
    const late = gate();
    server.meddle = ({ kind }) => (kind === "acquire" ? late.promise : undefined);
    const inner = outcomeOf(client.acquire("a", COUNTED));
    await clock.settle();
    server.restart();
    await clock.advance(TTL_MS / 3 + 1);
    expect(server.requests("getSession").length).toBeGreaterThan(0);
    late.open();
    await clock.advance(TTL_MS);
    expect(inner.value?.state).toBe("HELD");
    expect(server.session.holds).toMatchObject([{ count: 2 }]);
    expect(server.requests("release")).toEqual([]);
  });
});
