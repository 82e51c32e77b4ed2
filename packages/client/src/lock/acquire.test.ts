import { Code } from "@connectrpc/connect";
import { ErrorReason, refusal } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { NotGrantedError, RequestError, SessionLostError } from "../errors.ts";
import { gate, LEASE_MS, outcomeOf, world } from "../testing-support/world.ts";
import { PENDING_ACQUIRES_MAX } from "./holds.ts";

describe.each([
  ["Attach", true],
  ["unary calls", false],
])("over %s, an acquire", (_, attach) => {
  test("waits for its turn and gets a higher token", async () => {
    const { clock, held, another } = world({ attach });
    const first = await held("a");
    const waiting = outcomeOf(another().acquire("a"));
    await clock.settle();
    expect(waiting.settled).toBe(false);
    void first.release();
    await clock.settle();
    expect(waiting.value?.token).toBeGreaterThan(first.token);
  });

  test("that does not want to wait rejects with the reason", async () => {
    const { clock, held, another } = world({ attach });
    await held("a");
    const denied = outcomeOf(another().acquire("a", { waitMs: 0 }));
    await clock.settle();
    expect(denied.error).toBeInstanceOf(NotGrantedError);
    expect(denied.error).toMatchObject({ key: "a", reason: "CONTENDED", blockers: [] });
  });

  test("as a try resolves null when somebody else has the lock", async () => {
    const { clock, held, another } = world({ attach });
    const lock = await held("a");
    const other = another();
    const tried = outcomeOf(other.tryAcquire("a"));
    await clock.settle();
    expect(tried).toEqual({ settled: true, value: null });
    void lock.release();
    await clock.settle();
    const again = outcomeOf(other.tryAcquire("a"));
    await clock.settle();
    expect(again.value?.state).toBe("HELD");
  });

  test("that is aborted while it waits rejects with the reason and leaves no waiter behind [LOCK-149]", async () => {
    const { clock, server, held, another } = world({ attach });
    await held("a");
    const abort = new AbortController();
    const waiting = outcomeOf(another().acquire("a", { signal: abort.signal }));
    await clock.settle();
    expect(server.session.tickets).toHaveLength(1);
    abort.abort(new Error("enough"));
    await clock.settle();
    expect(waiting.error).toEqual(new Error("enough"));
    expect(server.session.tickets).toEqual([]);
  });

  test("that is aborted when it has been granted already gives the lock back [LOCK-149]", async () => {
    const { clock, server, client } = world({ attach });
    const late = gate();
    server.meddle = ({ kind }) => (kind === "acquire" ? late.promise : undefined);
    const abort = new AbortController();
    const waiting = outcomeOf(client.acquire("a", { signal: abort.signal }));
    await clock.settle();
    expect(server.session.holds).toHaveLength(1);
    abort.abort();
    await clock.settle();
    late.open();
    await clock.settle();
    expect(waiting.error).toBe(abort.signal.reason);
    expect(server.session.holds).toEqual([]);
  });

  test("that is aborted although the server is out of reach is taken back later [LOCK-149]", async () => {
    const { clock, server, held, another } = world({ attach });
    await held("a");
    const abort = new AbortController();
    const waiting = outcomeOf(another().acquire("a", { signal: abort.signal }));
    await clock.settle();
    server.reachable = false;
    server.cut();
    abort.abort();
    await clock.advance(1_000);
    expect(waiting.error).toBe(abort.signal.reason);
    expect(server.session.tickets).toHaveLength(1);
    server.reachable = true;
    await clock.advance(3_000);
    expect(server.session.tickets).toEqual([]);
    expect(server.session.answered).toMatchObject([{ first: 1n, last: 2n }]);
  });

  test("that is aborted before it starts is never sent", async () => {
    const { clock, server, client } = world({ attach });
    const refused = outcomeOf(client.acquire("a", { signal: AbortSignal.abort("no") }));
    await clock.settle();
    expect(refused.error).toBe("no");
    expect(server.arrivals).toEqual([]);
  });

  test("that is aborted at once, while the session is open already, is never sent", async () => {
    const { clock, server, client, held } = world({ attach });
    await held("a");
    const abort = new AbortController();
    const refused = outcomeOf(client.acquire("a", { signal: abort.signal }));
    abort.abort("no");
    await clock.settle();
    expect(refused.error).toBe("no");
    expect(server.session.tickets).toEqual([]);
  });

  test("that was granted is not touched by a later abort", async () => {
    const { clock, server, client } = world({ attach });
    const abort = new AbortController();
    const acquiring = outcomeOf(client.acquire("a", { signal: abort.signal }));
    await clock.settle();
    abort.abort();
    await clock.settle();
    expect(acquiring.value?.state).toBe("HELD");
    expect(server.requests("cancelAcquire")).toEqual([]);
  });

  test("that is refused rejects with code, reason and facts, and is not repeated", async () => {
    const { clock, server, client } = world({ attach });
    const error = refusal(
      Code.ResourceExhausted,
      ErrorReason.LIMIT_EXCEEDED,
      "too many holds: release some",
      { limit: "max_holds_per_session", max: "1" },
    );
    server.meddle = ({ kind }) => (kind === "acquire" ? error : undefined);
    const refused = outcomeOf(client.acquire("a"));
    await clock.advance(5_000);
    expect(refused.error).toBeInstanceOf(RequestError);
    expect(refused.error).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "LIMIT_EXCEEDED",
      metadata: { limit: "max_holds_per_session" },
    });
    expect(server.requests("acquire")).toHaveLength(1);
  });

  const exhausted = Code.ResourceExhausted;
  const gaps = { limit: "max_answered_ranges", max: "1" };
  test.each([
    ["it recovers", refusal(Code.Unavailable, ErrorReason.RECOVERING, "recovering")],
    ["its outcome is open", refusal(Code.Internal, ErrorReason.INTERNAL, "broken")],
    ["confirmations leave gaps", refusal(exhausted, ErrorReason.LIMIT_EXCEEDED, "gaps", gaps)],
  ])(
    "is repeated with the same request id while the server says that %s [GEN-61, GEN-84]",
    async (_, error) => {
      const { clock, server, client } = world({ attach });
      let recovering = true;
      server.meddle = ({ kind }) => (recovering && kind === "acquire" ? error : undefined);
      const acquiring = outcomeOf(client.acquire("a"));
      await clock.advance(3_000);
      expect(acquiring.settled).toBe(false);
      recovering = false;
      await clock.advance(3_000);
      expect(acquiring.value?.state).toBe("HELD");
      const ids = server.requests("acquire").map(({ requestId }) => requestId);
      expect(ids.length).toBeGreaterThan(2);
      expect(new Set(ids)).toEqual(new Set([1n]));
    },
  );

  test("rejects when the server says that the session has ended; the next one opens another", async () => {
    const { clock, server, client, held } = world({ attach });
    await held("a");
    server.state.end(server.session, ErrorReason.SESSION_EXPIRED);
    const ended = outcomeOf(client.acquire("b"));
    await clock.settle();
    expect(ended.error).toBeInstanceOf(SessionLostError);
    expect(ended.error).toMatchObject({ reason: "SESSION_EXPIRED" });
    const acquiring = outcomeOf(client.acquire("b"));
    await clock.settle();
    expect(acquiring.value?.state).toBe("HELD");
    expect(server.state.sessions.size).toBe(2);
  });
});

test("more acquires than a client may have under way are refused without being sent", async () => {
  const { clock, server, client } = world();
  await client.ready();
  server.meddle = ({ kind }) => (kind === "acquire" ? new Promise(() => {}) : undefined);
  for (let i = 0; i < PENDING_ACQUIRES_MAX; i++) client.acquire(`key-${i}`).catch(() => {});
  const refused = outcomeOf(client.acquire("one more"));
  await clock.settle();
  expect(refused.error).toMatchObject({ reason: "LIMIT_EXCEEDED" });
});

test.each([-1, 1.5, Number.NaN, 2 ** 31])("a wait of %s ms is refused", async (waitMs) => {
  const { client } = world();
  await expect(client.acquire("a", { waitMs })).rejects.toThrow(RangeError);
});

test("an acquire that never reached the server ends with the session's deadline", async () => {
  const { clock, server, client } = world();
  await client.ready();
  server.reachable = false;
  server.cut();
  const waiting = outcomeOf(client.acquire("a"));
  await clock.advance(LEASE_MS);
  expect(waiting.error).toMatchObject({ name: "SessionLostError", reason: "DEADLINE_PASSED" });
});
