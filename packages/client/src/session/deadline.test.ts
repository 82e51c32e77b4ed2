import { describe, expect, test } from "vitest";
import { LockLostError, SessionLostError } from "../errors.ts";
import { gate, LEASE_MS, outcomeOf, TTL_MS, world } from "../testing-support/world.ts";
import { LINGER_MS, WATCHDOG_INTERVAL_MS } from "./session.ts";

describe.each([
  ["Attach", true],
  ["unary calls", false],
])("over %s, the deadline", (_, attach) => {
  test("counts from the first attempt to open; a repeat adds no time [SES-51]", async () => {
    const { clock, server, client } = world({ attach });
    let attempts = 0;
    server.meddle = ({ kind }) => {
      if (kind === "openSession" && ++attempts < 4) return "loseReply";
      return kind === "keepAlive" ? "loseRequest" : undefined;
    };
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.advance(1_000);
    const lock = acquiring.value;
    expect(attempts).toBe(4);
    expect(server.state.sessions.size).toBe(1);
    await clock.advance(LEASE_MS - 1_000 - 1);
    expect(lock?.state).toBe("AT_RISK");
    await clock.advance(1);
    expect(lock?.state).toBe("LOST");
    expect(await lock?.lost).toEqual({ reason: "DEADLINE_PASSED", token: lock?.token });
  });

  test("moves with every acknowledged renewal, a third of the time to live apart [SES-50]", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a");
    await clock.advance(0);
    const before = server.requests("keepAlive").length;
    await clock.advance(TTL_MS * 10);
    expect(lock.state).toBe("HELD");
    expect(server.requests("keepAlive").length - before).toBe(30);
    expect(server.requests("openSession")).toHaveLength(1);
  });

  test("passes for nobody whose server comes back late in the first attempt to open", async () => {
    const { clock, server, client } = world({ attach });
    server.meddle = ({ kind }) => (kind === "openSession" ? "loseReply" : undefined);
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.advance(TTL_MS * 0.6);
    server.meddle = () => undefined;
    await clock.advance(TTL_MS * 0.3);
    const lock = acquiring.value;
    await clock.advance(TTL_MS);
    expect(lock?.state).toBe("HELD");
    expect(server.requests("openSession").at(0)?.secret).toEqual(
      server.requests("openSession").at(-1)?.secret,
    );
  });

  test("counts from when the acknowledged attempt was sent [SES-50, SES-58]", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a");
    await clock.advance(0);
    const late = gate();
    let renewals = 0;
    server.meddle = ({ kind }) => {
      if (kind !== "keepAlive") return undefined;
      renewals += 1;
      return renewals === 1 ? late.promise : "loseRequest";
    };
    await clock.advance(TTL_MS / 3 + 1);
    expect(renewals).toBe(1);
    await clock.advance(1_500);
    late.open();
    await clock.settle();
    expect(lock.remainingMs).toBeCloseTo(LEASE_MS - 1_501, 0);
  });

  test("holds at the instant somebody looks, not when a timer fires [SES-53, LOCK-145, LOCK-142]", async () => {
    const { clock, held } = world({ attach });
    const [byState, byAssert, bySignal, byThrow] = [
      await held("a"),
      await held("b"),
      await held("c"),
      await held("d"),
    ];
    clock.sleep(TTL_MS);
    expect(bySignal?.signal.aborted).toBe(true);
    expect(byState?.state).toBe("LOST");
    expect(() => byAssert?.assertHeld()).toThrow(LockLostError);
    expect(() => byThrow?.signal.throwIfAborted()).toThrow(LockLostError);
  });

  test.each(["signal", "throwIfAborted", "assertHeld"] as const)(
    "is looked at by %s alone [SES-53, LOCK-145]",
    async (look) => {
      const { clock, held } = world({ attach });
      const lock = await held("a");
      clock.sleep(TTL_MS);
      if (look === "signal") expect(lock.signal.aborted).toBe(true);
      else if (look === "assertHeld") expect(() => lock.assertHeld()).toThrow(LockLostError);
      else expect(() => lock.signal.throwIfAborted()).toThrow(LockLostError);
    },
  );

  test("is noticed within a second of waking up, without anybody looking [LOCK-142]", async () => {
    const { clock, held } = world({ attach });
    const lock = await held("a");
    const lost = outcomeOf(lock.lost);
    clock.sleep(TTL_MS);
    await clock.advance(WATCHDOG_INTERVAL_MS);
    expect(lost.value?.reason).toBe("DEADLINE_PASSED");
  });

  test("is not moved by a reply that was read after it had passed [SES-54]", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a");
    await clock.advance(0);
    const late = gate();
    server.meddle = ({ kind }) => (kind === "keepAlive" ? late.promise : undefined);
    await clock.advance(TTL_MS / 3 + 1);
    clock.pause(TTL_MS);
    late.open();
    await clock.settle();
    expect(lock.state).toBe("LOST");
  });

  test("is not moved by a reply to another attempt [SES-58]", async () => {
    const { clock, server, held } = world({ attach });
    server.forge = (kind, reply) => {
      if (kind === "keepAlive") reply.seq += 1n;
    };
    const lock = await held("a");
    await clock.advance(LEASE_MS);
    expect(lock.state).toBe("LOST");
  });

  test("once passed ends all renewing and closing of that session; the next acquire opens another [SES-55, SES-1]", async () => {
    const { clock, server, client, held } = world({ attach });
    const lock = await held("a");
    await clock.advance(0);
    server.reachable = false;
    server.cut();
    await clock.advance(LEASE_MS);
    expect(lock.state).toBe("LOST");
    const before = server.arrivals.length;
    server.reachable = true;
    const acquiring = outcomeOf(client.acquire("b"));
    await clock.advance(TTL_MS);
    expect(acquiring.value?.state).toBe("HELD");
    const [first, second] = server.requests("openSession");
    expect(second.secret).not.toEqual(first.secret);
    const [old] = [...server.state.sessions.keys()];
    const after = server.arrivals.slice(before);
    expect(after.filter(({ request }) => request?.session?.sessionId === old)).toEqual([]);
  });

  test("once passed leaves nothing to close [SES-55]", async () => {
    const { clock, server, client, held } = world({ attach });
    await held("a");
    clock.sleep(TTL_MS);
    const closing = outcomeOf(client.close());
    await clock.settle();
    expect(closing.settled).toBe(true);
    expect(server.requests("closeSession")).toEqual([]);
  });

  test("ends what waits", async () => {
    const { clock, another, client, held } = world({ attach });
    await held("a");
    const other = another();
    const waiting = outcomeOf(other.acquire("a"));
    await clock.settle();
    clock.sleep(TTL_MS);
    await clock.advance(1_000);
    expect(waiting.error).toBeInstanceOf(SessionLostError);
    await client.close();
  });

  test("turns a grant that arrives after it into a release, for it is no lock (node-redlock#296) [LOCK-148]", async () => {
    const { clock, server, client } = world({ attach });
    const late = gate();
    server.meddle = ({ kind }) => (kind === "acquire" ? late.promise : undefined);
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.settle();
    expect(server.session.holds).toHaveLength(1);
    clock.pause(TTL_MS);
    late.open();
    await clock.settle();
    expect(acquiring.error).toMatchObject({ reason: "DEADLINE_PASSED" });
    expect(server.session.holds).toEqual([]);
    expect(server.requests("keepAlive")).toEqual([]);
  });
});

test("an Attach whose session's deadline has passed is listened to for a while, and then ended", async () => {
  const { clock, server, client } = world();
  const late = gate();
  server.meddle = ({ kind }) => (kind === "acquire" ? late.promise : undefined);
  client.acquire("a").catch(() => {});
  await clock.settle();
  clock.sleep(TTL_MS);
  await clock.advance(WATCHDOG_INTERVAL_MS + LINGER_MS + 1);
  late.open();
  await clock.settle();
  expect(server.requests("release")).toEqual([]);
});

test("the handles are lost before the code under any of them hears of it", async () => {
  const { clock, held } = world();
  const first = await held("a");
  const second = await held("b");
  const seen: string[] = [];
  first.signal.addEventListener("abort", () => seen.push(second.state));
  second.signal.addEventListener("abort", () => seen.push(first.state));
  clock.sleep(TTL_MS);
  await clock.advance(1_000);
  expect(seen).toEqual(["LOST", "LOST"]);
});

test("failed renewals are repeated with growing pauses until the deadline [SES-56]", async () => {
  const { clock, server, held } = world({ attach: false });
  const lock = await held("a");
  let attempts = 0;
  server.meddle = ({ kind }) => {
    if (kind !== "keepAlive") return undefined;
    attempts += 1;
    return "loseRequest";
  };
  await clock.advance(TTL_MS / 3 + 500);
  expect(attempts).toBeGreaterThan(3);
  await clock.advance(1_000);
  expect(attempts).toBeLessThan(8);
  server.meddle = () => undefined;
  await clock.advance(TTL_MS);
  expect(lock.state).toBe("HELD");
});

test("a renewal that succeeds after the deadline is too late [SES-54, LOCK-140]", async () => {
  const { clock, server, held } = world({ attach: false });
  const lock = await held("a");
  server.reachable = false;
  await clock.advance(LEASE_MS - 100);
  expect(lock.state).toBe("AT_RISK");
  server.reachable = true;
  await clock.advance(2_000);
  expect(lock.state).toBe("LOST");
});

test("a renewal that succeeds late in the time to live keeps the lock [SES-56, GEN-84]", async () => {
  const { clock, server, held } = world({ attach: false });
  const lock = await held("a");
  server.reachable = false;
  await clock.advance(LEASE_MS - 2_000);
  server.reachable = true;
  await clock.advance(2_000);
  expect(lock.state).toBe("HELD");
});
