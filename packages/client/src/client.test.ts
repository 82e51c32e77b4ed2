import { Code } from "@connectrpc/connect";
import { ErrorReason, refusal } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { ClientClosedError, ServerUnreachableError } from "./errors.ts";
import { OPEN_ATTEMPT_TIMEOUT_MS } from "./session/opener.ts";
import { CLOSE_TIMEOUT_MS } from "./session/session.ts";
import { gate, LEASE_MS, outcomeOf, TTL_MS, world } from "./testing-support/world.ts";

describe.each([
  ["Attach", true],
  ["unary calls", false],
])("over %s, a client", (_, attach) => {
  test("takes a lock and gives it back", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("orders");
    expect(lock.state).toBe("HELD");
    expect(lock.sequencer).toBe(`orders/EXCLUSIVE/${lock.token}`);
    expect(server.session.holds).toHaveLength(1);
    const releasing = outcomeOf(lock.release());
    expect(lock.state).toBe("RELEASING");
    await clock.settle();
    expect(releasing).toEqual({ settled: true, value: undefined });
    expect(lock.state).toBe("RELEASED");
    expect(server.session.holds).toEqual([]);
  });

  test("opens one session, when the first call needs it", async () => {
    const { clock, server, client } = world({ attach });
    await clock.settle();
    expect(server.arrivals).toEqual([]);
    const locks = outcomeOf(
      Promise.all([client.acquire("a"), client.acquire("b"), client.ready()]),
    );
    await clock.settle();
    expect(locks.settled).toBe(true);
    expect(server.requests("openSession")).toHaveLength(1);
    expect(server.requests("openSession")[0].secret).toHaveLength(32);
  });

  test("that is closed gives everything back, tells what ran and what waited, and ends", async () => {
    const { clock, server, client, held, another } = world({ attach });
    await held("b");
    const other = another();
    const held2 = outcomeOf(other.acquire("a"));
    const waiting = outcomeOf(other.acquire("b"));
    await clock.settle();
    const closing = outcomeOf(
      Promise.all([other.close(), other.close(), other[Symbol.asyncDispose]()]),
    );
    expect(held2.value?.state).toBe("LOST");
    await clock.settle();
    expect(closing.settled).toBe(true);
    expect(server.requests("closeSession")).toHaveLength(1);
    expect(server.session.holds).toEqual([]);
    expect(server.session.tickets).toEqual([]);
    expect(waiting.error).toBeInstanceOf(ClientClosedError);
    expect(await held2.value?.lost).toMatchObject({ reason: "SESSION_CLOSED" });
    await expect(other.acquire("a")).rejects.toBeInstanceOf(ClientClosedError);
    const quiet = server.arrivals.length;
    await client.close();
    await clock.advance(TTL_MS);
    expect(server.arrivals.length - quiet).toBeLessThanOrEqual(1);
  });

  test("that is closed while the server is out of reach waits for it only so long", async () => {
    const { clock, server, client, held } = world({ attach });
    await held("a");
    server.reachable = false;
    server.cut();
    const closing = outcomeOf(client.close());
    await clock.advance(CLOSE_TIMEOUT_MS - 1);
    expect(closing.settled).toBe(false);
    await clock.advance(1);
    expect(closing.settled).toBe(true);
  });

  test("that is closed while it opens its session opens none", async () => {
    const { clock, server, client } = world({ attach });
    const late = gate();
    server.meddle = ({ kind }) => (kind === "openSession" ? late.promise : undefined);
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.settle();
    const closing = outcomeOf(client.close());
    await clock.settle();
    expect(acquiring.error).toBeInstanceOf(ClientClosedError);
    expect(closing.settled).toBe(true);
    late.open();
    await clock.advance(LEASE_MS);
    expect(server.requests("openSession")).toHaveLength(1);
    expect(server.requests("keepAlive")).toEqual([]);
  });
});

test("an open client keeps the process alive until it is closed, unless told not to", async () => {
  const { clock, client, another } = world();
  expect(clock.awake).toBe(1);
  another({ unref: true });
  expect(clock.awake).toBe(1);
  await client.close();
  expect(clock.awake).toBe(0);
});

test("a client that lets the process exit keeps it alive for the calls under way", async () => {
  const { clock, client } = world({ unref: true });
  const acquiring = outcomeOf(client.acquire("a"));
  expect(clock.awake).toBe(1);
  await clock.settle();
  expect(acquiring.value?.state).toBe("HELD");
  expect(clock.awake).toBe(0);
  const waiting = outcomeOf(client.acquire("a"));
  await clock.advance(TTL_MS);
  expect(waiting.settled).toBe(false);
  expect(clock.awake).toBe(1);
  void acquiring.value?.release();
  await clock.settle();
  expect(waiting.value?.state).toBe("HELD");
  expect(clock.awake).toBe(0);
});

test("the connections are ended after the session, once", async () => {
  let ended = 0;
  const { clock, client } = world({
    onClosed: () => {
      ended += 1;
    },
  });
  const closing = outcomeOf(
    client.ready().then(() => Promise.all([client.close(), client.close()])),
  );
  await clock.settle();
  expect(closing.settled).toBe(true);
  expect(ended).toBe(1);
});

describe("where no server answers", () => {
  test("a call says so, names the address and what to do", async () => {
    const { clock, server, client } = world({ address: "http://127.0.0.1:1" });
    server.reachable = false;
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.advance(9_999);
    expect(acquiring.settled).toBe(false);
    await clock.advance(1);
    expect(acquiring.error).toBeInstanceOf(ServerUnreachableError);
    expect(acquiring.error).toMatchObject({
      address: "http://127.0.0.1:1",
      message: expect.stringMatching(/127\.0\.0\.1:1 \(.*connection refused\).*lockstep serve/),
    });
  });

  test("an attempt to open a session that gets no answer is followed by another", async () => {
    const { clock, server, client } = world();
    let silent = true;
    server.meddle = ({ kind }) =>
      silent && kind === "openSession" ? new Promise(() => {}) : undefined;
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.advance(OPEN_ATTEMPT_TIMEOUT_MS - 1);
    expect(server.requests("openSession")).toHaveLength(1);
    silent = false;
    await clock.advance(1_000);
    expect(acquiring.value?.state).toBe("HELD");
    expect(server.state.sessions.size).toBe(1);
  });

  test("a session whose opening took longer than it lives is not used", async () => {
    const { clock, server, client } = world({ ttlMs: 2_000 });
    const late = gate();
    server.meddle = ({ kind }) => (kind === "openSession" ? late.promise : undefined);
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.advance(3_000);
    server.meddle = () => undefined;
    late.open();
    await clock.advance(1_000);
    expect(acquiring.value?.state).toBe("HELD");
    expect(server.state.sessions.size).toBe(2);
    expect(server.requests("attach")).toHaveLength(1);
  });

  test("nobody goes on looking once nobody waits", async () => {
    const { clock, server, client } = world();
    server.meddle = ({ kind }) => (kind === "openSession" ? "loseRequest" : undefined);
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.advance(10_000);
    expect(acquiring.settled).toBe(true);
    const attempts = server.requests("openSession").length;
    await clock.advance(60_000);
    expect(server.requests("openSession").length).toBe(attempts);
  });

  test("a call that comes when it does again succeeds", async () => {
    const { clock, server, client } = world();
    server.reachable = false;
    const first = outcomeOf(client.acquire("a"));
    await clock.advance(8_000);
    server.reachable = true;
    await clock.advance(2_000);
    expect(first.value?.state).toBe("HELD");
  });

  test("each attempt that would come too late for its deadline starts over with a new secret", async () => {
    const { clock, server, client } = world({ connectTimeoutMs: 60_000 });
    server.meddle = ({ kind }) => (kind === "openSession" ? "loseReply" : undefined);
    void client.acquire("a").catch(() => {});
    await clock.advance(TTL_MS * 1.5);
    const secrets = new Set(server.requests("openSession").map(({ secret }) => secret.join()));
    expect(secrets.size).toBe(2);
  });

  test("a read says so at once", async () => {
    const { clock, server, client } = world();
    server.reachable = false;
    const reading = outcomeOf(client.getLock("a"));
    await clock.settle();
    expect(reading.error).toBeInstanceOf(ServerUnreachableError);
  });
});

test("a refusal to open the session reaches the caller; the next call tries again", async () => {
  const { clock, server, client } = world();
  const error = refusal(Code.PermissionDenied, ErrorReason.NOT_PERMITTED, "no such namespace");
  server.meddle = ({ kind }) => (kind === "openSession" ? error : undefined);
  const refused = outcomeOf(client.acquire("a"));
  await clock.settle();
  expect(refused.error).toMatchObject({ code: "PERMISSION_DENIED", reason: "NOT_PERMITTED" });
  server.meddle = () => undefined;
  const acquiring = outcomeOf(client.acquire("a"));
  await clock.settle();
  expect(acquiring.value?.state).toBe("HELD");
});

test("a server that comes back with other data serves the next session", async () => {
  const { clock, server, client, held } = world();
  const lock = await held("a");
  await clock.advance(0);
  server.state.epoch = 1n;
  server.state.clusterId = "another cluster";
  await clock.advance(LEASE_MS);
  expect(lock.state).toBe("LOST");
  const acquiring = outcomeOf(client.acquire("b"));
  await clock.advance(1_000);
  expect(acquiring.value?.state).toBe("HELD");
});

test("a client that is closing gives nothing back twice", async () => {
  const { clock, server, client, held } = world();
  const list = gate();
  server.meddle = ({ kind }) => {
    if (kind === "getSession") return list.promise;
    return kind === "closeSession" ? new Promise(() => {}) : undefined;
  };
  await held("a");
  server.cut();
  await clock.advance(100);
  expect(server.requests("getSession")).toHaveLength(2);
  const closing = outcomeOf(client.close());
  list.open();
  await clock.advance(CLOSE_TIMEOUT_MS);
  expect(closing.settled).toBe(true);
  expect(server.requests("release")).toEqual([]);
});

test.each([1_999, 3_600_001, 2_000.5])("a time to live of %s ms is refused", (ttlMs) => {
  expect(() => world({ ttlMs })).toThrow(RangeError);
});

test("a read from a server that has been replaced is not believed", async () => {
  const { clock, server, client, held } = world();
  await held("a");
  server.state.epoch -= 1n;
  const reading = outcomeOf(client.getLock("a"));
  await clock.settle();
  expect(reading.error).toBeInstanceOf(ServerUnreachableError);
});
