import { describe, expect, test } from "vitest";
import { gate, outcomeOf, TTL_MS, world } from "../testing-support/world.ts";
import type { ReleaseRequested } from "./lock.ts";

/** What a listener has heard. */
function listener() {
  const heard: ReleaseRequested[] = [];
  return { heard, listen: (asked: ReleaseRequested) => void heard.push(asked) };
}

describe("a request to release", () => {
  test("that is pushed is told at once, with who and why, and confirmed [LOCK-100]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    await clock.advance(0);
    const { heard, listen } = listener();
    lock.onReleaseRequested(listen);
    const asked = server.requests("getSession").length;
    const { revision } = server.state.ask(server.session, "a", "deploy");
    const [event] = server.state.events.slice(-1);
    if (event) server.push(event);
    await clock.advance(0);
    expect(heard).toEqual([{ actor: "operator", reason: "deploy", revision, askedAtMs: 1_000 }]);
    expect(server.requests("getSession").length).toBe(asked);
    expect(server.requests("keepAlive").at(-1).seenRevision).toBe(revision);
    expect(lock.state).toBe("HELD");
  });

  test.each([
    ["Attach", true],
    ["unary calls", false],
  ])(
    "whose push went missing is found in the list, over %s [LOCK-100, SES-62]",
    async (_, attach) => {
      const { clock, server, held } = world({ attach });
      const lock = await held("a");
      await clock.advance(0);
      const { heard, listen } = listener();
      lock.onReleaseRequested(listen);
      const { revision } = server.state.ask(server.session, "a", "deploy");
      await clock.advance(TTL_MS / 3 + 10);
      expect(heard).toMatchObject([{ revision, reason: "deploy" }]);
      expect(server.requests("keepAlive").at(-1).seenRevision).toBeGreaterThanOrEqual(revision);
    },
  );

  test("is told once, however often it is heard of", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    await clock.advance(0);
    const { heard, listen } = listener();
    lock.onReleaseRequested(listen);
    const event = server.state.ask(server.session, "a", "deploy");
    server.push(event);
    server.push(event);
    server.restart();
    await clock.advance(TTL_MS);
    expect(heard).toHaveLength(1);
    server.push(server.state.ask(server.session, "a", "again"));
    await clock.advance(0);
    expect(heard.map(({ reason }) => reason)).toEqual(["deploy", "again"]);
  });

  test("that came before anybody listened is told then", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    await clock.advance(0);
    server.push(server.state.ask(server.session, "a", "deploy"));
    await clock.advance(0);
    const { heard, listen } = listener();
    const stop = lock.onReleaseRequested(listen);
    lock.onReleaseRequested(listen)();
    await clock.settle();
    expect(heard).toHaveLength(1);
    stop();
    server.push(server.state.ask(server.session, "a", "again"));
    await clock.advance(0);
    expect(heard).toHaveLength(1);
  });

  test("that outruns the grant is told with it", async () => {
    const { clock, server, client, held } = world();
    await held("b");
    await clock.advance(0);
    const late = gate();
    server.meddle = ({ kind }) => (kind === "acquire" ? late.promise : undefined);
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.settle();
    server.push(server.state.ask(server.session, "a", "deploy"));
    await clock.settle();
    late.open();
    await clock.settle();
    const { heard, listen } = listener();
    acquiring.value?.onReleaseRequested(listen);
    await clock.settle();
    expect(heard).toMatchObject([{ reason: "deploy" }]);
  });

  test("reaches every handle of a hold entered again", async () => {
    const { clock, server, held } = world();
    const counted = { owner: "task", reentrancy: "count" } as const;
    const locks = [await held("a", counted), await held("a", counted)];
    await clock.advance(0);
    const { heard, listen } = listener();
    for (const lock of locks) lock.onReleaseRequested(listen);
    server.push(server.state.ask(server.session, "a", "deploy"));
    await clock.advance(0);
    expect(heard).toHaveLength(2);
  });

  test("is not told to a handle that is over", async () => {
    const { clock, server, held } = world();
    const counted = { owner: "task", reentrancy: "count" } as const;
    const [outer, inner] = [await held("a", counted), await held("a", counted)];
    await clock.advance(0);
    const { heard, listen } = listener();
    inner.onReleaseRequested(listen);
    await Promise.all([inner.release(), clock.settle()]);
    server.push(server.state.ask(server.session, "a", "deploy"));
    await clock.advance(0);
    expect(heard).toEqual([]);
    expect(outer.state).toBe("HELD");
  });

  test("is not told to a handle that is being released", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    await clock.advance(0);
    const { heard, listen } = listener();
    lock.onReleaseRequested(listen);
    server.meddle = ({ kind }) => (kind === "release" ? new Promise(() => {}) : undefined);
    const event = server.state.ask(server.session, "a", "deploy");
    void lock.release();
    server.push(event);
    await clock.advance(0);
    expect(heard).toEqual([]);
    expect(lock.state).toBe("RELEASING");
  });

  test("may be followed by giving the lock back in the listener", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    await clock.advance(0);
    lock.onReleaseRequested(() => void lock.release());
    server.push(server.state.ask(server.session, "a", "deploy"));
    await clock.advance(0);
    expect(lock.state).toBe("RELEASED");
    expect(server.session.holds).toEqual([]);
  });

  test("whose listener throws stops nothing else; the mistake surfaces as one of an event listener", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    await clock.advance(0);
    const uncaught: unknown[] = [];
    const { heard, listen } = listener();
    const before = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => uncaught.push(error));
    lock.onReleaseRequested(() => {
      throw new Error("mine");
    });
    lock.onReleaseRequested(listen);
    const event = server.state.ask(server.session, "a", "deploy");
    server.push(event);
    await clock.advance(0);
    process.removeAllListeners("uncaughtException");
    for (const one of before) process.on("uncaughtException", one);
    expect(uncaught).toEqual([new Error("mine")]);
    expect(heard).toHaveLength(1);
    expect(server.requests("keepAlive").at(-1).seenRevision).toBe(event.revision);
  });
});
