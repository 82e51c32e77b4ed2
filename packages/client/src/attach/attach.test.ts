import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorReason } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { outcomeOf, TTL_MS, world } from "../testing-support/world.ts";
import { ATTACH_FAILURES_MAX, ATTACH_OPEN_TIMEOUT_MS, ATTACH_PROBE_INTERVAL_MS } from "./link.ts";

const http505 = new ConnectError("HTTP 505", Code.Unknown);

describe("an Attach", () => {
  test("carries all operations of one tick in one frame", async () => {
    const { clock, server, client } = world();
    await client.ready();
    await clock.advance(0);
    server.frameSizes.length = 0;
    const locks = Promise.all(Array.from({ length: 50 }, (_, i) => client.acquire(`key-${i}`)));
    await clock.settle();
    expect(server.frameSizes).toEqual([50]);
    const releases = (await locks).map((lock) => lock.release());
    await clock.settle();
    expect(server.frameSizes).toEqual([50, 50]);
    await Promise.all(releases);
  });

  test("that is cut while a request waits gets the same grant for the same request id [SES-75, GEN-83]", async () => {
    const { clock, server, held, another } = world();
    const holder = await held("a");
    const waiting = outcomeOf(another().acquire("a"));
    await clock.settle();
    server.cut();
    await clock.advance(1_000);
    expect(server.session.tickets).toHaveLength(1);
    void holder.release();
    await clock.settle();
    expect(waiting.value?.token).toBe(server.session.holds[0]?.token);
    const [, ...sent] = server.requests("acquire");
    expect(sent.map(({ requestId }) => requestId)).toEqual([1n, 1n]);
  });

  test("that loses the reply of a grant gets the same grant again, not a second one [GEN-61, SES-75]", async () => {
    const { clock, server, client } = world();
    let lost = 0;
    server.meddle = ({ kind }) => (kind === "acquire" && lost++ < 3 ? "loseReply" : undefined);
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.advance(2_000);
    expect(lost).toBe(4);
    expect(server.session.holds).toMatchObject([{ holdId: acquiring.value?.holdId }]);
    expect(new Set(server.requests("acquire").map(({ requestId }) => requestId))).toEqual(
      new Set([1n]),
    );
  });

  test("takes each reply once", async () => {
    const { clock, server, held } = world();
    server.twice = true;
    const lock = await held("a");
    const releasing = outcomeOf(lock.release());
    await clock.settle();
    expect(releasing).toEqual({ settled: true, value: undefined });
    const next = await held("a");
    expect(next.token).toBeGreaterThan(lock.token);
    expect(next.state).toBe("HELD");
  });

  test("reports the request ids that are answered with every request and renewal [GEN-65]", async () => {
    const { clock, server, client, held, another } = world();
    const other = another();
    const blocker = outcomeOf(other.acquire("busy"));
    await clock.settle();
    expect(blocker.value?.state).toBe("HELD");
    await held("a");
    void client.acquire("busy").catch(() => {});
    await held("b");
    await held("c");
    await clock.advance(TTL_MS / 3 + 1);
    const ranges = (request: { answered: { first: bigint; last: bigint }[] }) =>
      request.answered.map(({ first, last }) => [first, last]);
    expect(ranges(server.requests("acquire").at(-1))).toEqual([
      [1n, 1n],
      [3n, 3n],
    ]);
    const renewals = server.requests("keepAlive").map(ranges);
    expect(renewals).toContainEqual([
      [1n, 1n],
      [3n, 4n],
    ]);
  });

  test("is opened again after a cut, with pauses, and the session goes on", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    for (let cuts = 0; cuts < 5; cuts++) {
      server.cut();
      await clock.advance(TTL_MS / 2);
    }
    expect(lock.state).toBe("HELD");
    expect(server.requests("attach")).toHaveLength(6);
    expect(server.requests("openSession")).toHaveLength(1);
  });

  test("that did its work is opened again soon, however often it was cut before", async () => {
    const { clock, server, client } = world();
    await client.ready();
    for (let cuts = 0; cuts < 10; cuts++) {
      server.cut();
      await clock.advance(TTL_MS / 2);
    }
    const before = server.requests("attach").length;
    server.cut();
    await clock.advance(100);
    expect(server.requests("attach").length).toBe(before + 1);
  });

  test("comes back by itself after an outage of the whole server", async () => {
    const { clock, server, client } = world();
    await client.ready();
    server.reachable = false;
    server.cut();
    await clock.advance(TTL_MS / 2);
    server.reachable = true;
    await clock.advance(3_000);
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.settle();
    expect(acquiring.value?.state).toBe("HELD");
    expect(server.arrivals.find(({ kind }) => kind === "acquire")?.via).toBe("attach");
  });

  test("that is accepted and cut again and again is not opened in a tight loop", async () => {
    const { clock, server, client } = world();
    await client.ready();
    server.meddle = ({ via }) => (via === "attach" ? "loseRequest" : undefined);
    server.cut();
    await clock.advance(60_000);
    expect(server.requests("attach").length).toBeLessThan(50);
  });

  test("that answers nothing while the server does is replaced", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    await clock.advance(0);
    let dead = true;
    server.meddle = ({ via }) => (dead && via === "attach" ? new Promise(() => {}) : undefined);
    await clock.advance(TTL_MS / 3 + TTL_MS / 6 + 10);
    dead = false;
    expect(server.requests("attach").length).toBe(2);
    await clock.advance(TTL_MS * 2);
    expect(lock.state).toBe("HELD");
  });

  test("that was superseded is not fought for: unary calls take its place for a while", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    server.endStreams(Code.Aborted, ErrorReason.ATTACH_SUPERSEDED);
    await clock.advance(ATTACH_PROBE_INTERVAL_MS / 2);
    expect(server.requests("attach")).toHaveLength(1);
    expect(lock.state).toBe("HELD");
    await clock.advance(ATTACH_PROBE_INTERVAL_MS);
    expect(server.requests("attach").length).toBeGreaterThan(1);
  });

  test("that ends with the session loses its locks for that reason [LOCK-142]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    server.endStreams(Code.FailedPrecondition, ErrorReason.SESSION_REVOKED);
    await clock.settle();
    expect(lock.state).toBe("LOST");
    expect((await lock.lost).reason).toBe("SESSION_REVOKED");
  });
});

describe("where Attach is not possible", () => {
  test.each([
    ["HTTP/1.1 answers 505", http505],
    ["a transport has no streams", new ConnectError("no streams", Code.Unimplemented)],
  ])("because %s, unary calls take its place at once [SES-83]", async (_, error) => {
    const { clock, server, client } = world();
    server.attachError = error;
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.settle();
    expect(acquiring.value?.state).toBe("HELD");
    expect(server.arrivals.filter(({ kind }) => kind === "acquire")).toMatchObject([
      { via: "unary" },
    ]);
    await clock.advance(TTL_MS * 5);
    expect(acquiring.value?.state).toBe("HELD");
    expect(server.requests("attach")).toHaveLength(1);
  });

  test("for an unknown reason, unary calls take its place after three failures [SES-83]", async () => {
    const { clock, server, client } = world();
    server.attachError = new ConnectError("a proxy says no", Code.Internal);
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.advance(5_000);
    expect(acquiring.value?.state).toBe("HELD");
    expect(server.requests("attach")).toHaveLength(3);
  });

  test("it is tried again after a while, and taken when it works", async () => {
    const { clock, server, client } = world();
    server.attachError = http505;
    await client.ready();
    await clock.advance(TTL_MS);
    server.attachError = undefined;
    await clock.advance(ATTACH_PROBE_INTERVAL_MS);
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.settle();
    expect(acquiring.value?.state).toBe("HELD");
    expect(server.arrivals.filter(({ kind }) => kind === "acquire")).toMatchObject([
      { via: "attach" },
    ]);
  });

  test("because it is never accepted, unary calls take its place and the session lives on [SES-83]", async () => {
    const silent = world();
    const transport = silent.server.transport();
    const { clock, server, client } = silent;
    const muted = silent.another({
      transport: {
        unary: transport.unary.bind(transport),
        stream: () => new Promise(() => {}),
      },
    });
    const acquiring = outcomeOf(muted.acquire("a"));
    await clock.advance(ATTACH_OPEN_TIMEOUT_MS * (ATTACH_FAILURES_MAX + 1));
    expect(acquiring.value?.state).toBe("HELD");
    expect(server.requests("openSession")).toHaveLength(1);
    await client.close();
  });
});
