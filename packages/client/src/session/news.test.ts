import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ATTACH_PROBE_INTERVAL_MS } from "../attach/link.ts";
import { LockLostError } from "../errors.ts";
import { strayHold, strayTicket } from "../testing-support/fake-locks.ts";
import { gate, LEASE_MS, outcomeOf, TTL_MS, world } from "../testing-support/world.ts";
import { ATTEMPT_TIMEOUT_MS } from "../unary/unary-way.ts";

describe.each([
  ["Attach", true],
  ["unary calls", false],
])("over %s, news", (_, attach) => {
  test("that the client has not acted on keep renewals from moving the deadline [SES-61]", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a");
    await clock.advance(0);
    server.session.revision = 1_000n;
    server.meddle = ({ kind }) => (kind === "getSession" ? new Promise(() => {}) : undefined);
    const before = server.requests("keepAlive").length;
    await clock.advance(LEASE_MS - 1);
    expect(lock.state).toBe("AT_RISK");
    expect(server.requests("keepAlive").length).toBeGreaterThan(before + 1);
    await clock.advance(1);
    expect(lock.state).toBe("LOST");
  });

  test("of a loss whose push went missing are fetched, acted on and then confirmed [SES-62, SES-67]", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a");
    const kept = await held("b");
    await clock.advance(0);
    const { revision } = server.state.forceRelease(server.session, "a");
    await clock.advance(TTL_MS / 3 + 10);
    expect(lock.state).toBe("LOST");
    expect(lock.signal.reason).toBeInstanceOf(LockLostError);
    expect(await lock.lost).toEqual({ reason: "FORCE_RELEASED", token: lock.token });
    expect(server.requests("keepAlive").at(-1).seenRevision).toBeGreaterThanOrEqual(revision);
    await clock.advance(TTL_MS);
    expect(kept.state).toBe("HELD");
  });

  test("of a new epoch come before any of its renewals moves the deadline [SES-64]", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a");
    await clock.advance(0);
    server.meddle = ({ kind }) => (kind === "getSession" ? new Promise(() => {}) : undefined);
    const before = server.requests("keepAlive").length;
    server.restart();
    await clock.advance(LEASE_MS - 1);
    expect(server.requests("keepAlive").length).toBeGreaterThan(before + 1);
    expect(lock.state).toBe("AT_RISK");
    await clock.advance(1);
    expect(lock.state).toBe("LOST");
  });

  test("of a new epoch are fetched, and the session goes on [SES-64]", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a");
    server.restart();
    await clock.advance(TTL_MS * 2);
    expect(lock.state).toBe("HELD");
    expect(server.requests("getSession").length).toBeGreaterThanOrEqual(1);
  });

  test("list holds and tickets of nobody, which are given back [SES-66]", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a");
    server.session.holds.push(strayHold("stray", 900n, 77n));
    server.session.tickets.push(strayTicket("a", 901n, 78n));
    server.restart();
    await clock.advance(TTL_MS);
    expect(server.session.holds).toMatchObject([{ key: "a", holdId: lock.holdId }]);
    expect(server.session.tickets).toEqual([]);
    expect(lock.state).toBe("HELD");
  });

  test("leave alone the wait and the grant of a request that is under way [SES-66]", async () => {
    const { clock, server, held, another } = world({ attach });
    const holder = await held("a");
    const other = another();
    const waiting = outcomeOf(other.acquire("a"));
    await clock.settle();
    server.restart();
    await clock.advance(TTL_MS);
    void holder.release();
    await clock.advance(TTL_MS);
    expect(waiting.value?.state).toBe("HELD");
    expect(server.requests("cancelAcquire")).toEqual([]);
  });

  test("of a loss outrun the grant: it is reported lost, not held [SES-67]", async () => {
    const { clock, server, client, held } = world({ attach });
    await held("b");
    await clock.advance(0);
    const late = gate();
    server.meddle = ({ kind }) => (kind === "acquire" ? late.promise : undefined);
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.settle();
    server.state.forceRelease(server.session, "a");
    await clock.advance(TTL_MS / 3 + 10);
    late.open();
    await clock.advance(TTL_MS / 3);
    expect(acquiring.error).toBeInstanceOf(LockLostError);
  });

  test("from a server that has been replaced are not believed [GEN-14]", async () => {
    const { clock, server, client } = world({ attach });
    server.state.epoch = 5n;
    await client.ready();
    let stale = true;
    server.forge = (kind, reply) => {
      if (stale && kind !== "openSession") reply.header.epoch = 4n;
    };
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.advance(2_000);
    expect(acquiring.settled).toBe(false);
    stale = false;
    await clock.advance(3_000);
    expect(acquiring.value?.state).toBe("HELD");
    expect(server.session.holds).toHaveLength(1);
  });

  test("from other data than the session was opened in are not believed [GEN-14]", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a");
    await clock.advance(0);
    server.state.clusterId = "another cluster";
    await clock.advance(LEASE_MS);
    expect(lock.state).toBe("LOST");
  });
});

test("a list that is older than a grant does not make it lost [SES-67]", async () => {
  const { clock, server, held } = world({ attach: false });
  await held("a");
  const late = gate();
  server.meddle = ({ kind }) => (kind === "getSession" ? late.promise : undefined);
  server.restart();
  await clock.advance(TTL_MS / 3 + 1);
  expect(server.requests("getSession")).toHaveLength(1);
  const newer = await held("b");
  late.open();
  await clock.advance(TTL_MS);
  expect(newer.state).toBe("HELD");
});

test("a list that came another way does not settle a new stream: it is asked for there, too [SES-63]", async () => {
  const { clock, server, held } = world();
  server.attachError = new ConnectError("HTTP 505", Code.Unknown);
  const lock = await held("a");
  server.attachError = undefined;
  const late = gate();
  server.meddle = ({ kind, via }) =>
    kind === "getSession" && via === "unary" ? late.promise : undefined;
  await clock.advance(ATTACH_PROBE_INTERVAL_MS - ATTEMPT_TIMEOUT_MS / 2);
  server.session.revision = server.state.revision + 1n;
  server.state.revision += 1n;
  await clock.advance(ATTEMPT_TIMEOUT_MS / 2 + 1);
  late.open();
  await clock.advance(0);
  const asked = server.arrivals.filter(({ kind }) => kind === "getSession");
  expect(asked.at(-1)?.via).toBe("attach");
  server.push(server.state.forceRelease(server.session, "a"));
  await clock.advance(0);
  expect(lock.state).toBe("LOST");
  expect(server.requests("keepAlive").at(-1).seenRevision).toBe(server.session.revision);
});

describe("pushed news", () => {
  test("tell the reason and are confirmed at once [SES-62, LOCK-142]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    await clock.advance(0);
    const asked = server.requests("getSession").length;
    const event = server.state.forceRelease(server.session, "a");
    server.push(event);
    await clock.advance(0);
    expect(await lock.lost).toEqual({ reason: "FORCE_RELEASED", token: lock.token });
    expect(server.requests("getSession").length).toBe(asked);
    expect(server.requests("keepAlive").at(-1).seenRevision).toBe(event.revision);
  });

  test("raise nothing before the stream's GetSession has been acted on [SES-63]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    await clock.advance(0);
    const before = server.requests("keepAlive").at(-1).seenRevision;
    server.meddle = ({ kind }) => (kind === "getSession" ? new Promise(() => {}) : undefined);
    server.cut();
    await clock.advance(1_000);
    server.push(server.state.forceRelease(server.session, "a"));
    await clock.advance(TTL_MS / 3);
    expect(lock.state).toBe("LOST");
    expect(server.requests("keepAlive").at(-1).seenRevision).toBe(before);
  });

  test("that this client does not understand make it ask", async () => {
    const { clock, server, held } = world();
    await held("a");
    await clock.advance(0);
    const before = server.requests("getSession").length;
    server.push(server.state.append({ case: "delayEnded", value: {} }));
    await clock.advance(0);
    expect(server.requests("getSession").length).toBe(before + 1);
  });

  test("of a hold that arrive before its grant make it lost [LOCK-142]", async () => {
    const { clock, server, client, held } = world();
    await held("b");
    await clock.advance(0);
    const late = gate();
    server.meddle = ({ kind }) => (kind === "acquire" ? late.promise : undefined);
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.settle();
    server.push(server.state.forceRelease(server.session, "a"));
    await clock.settle();
    late.open();
    await clock.settle();
    expect(acquiring.error).toMatchObject({ name: "LockLostError", reason: "FORCE_RELEASED" });
  });
});
