import { Code } from "@connectrpc/connect";
import { ErrorReason, refusal } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { LockReleasedError } from "../errors.ts";
import { LEASE_MS, outcomeOf, TTL_MS, world } from "../testing-support/world.ts";

describe("a handle", () => {
  test("is at risk after two thirds of the time to live and held again after a renewal [LOCK-141]", async () => {
    const { clock, server, held } = world({ attach: false });
    const lock = await held("a");
    server.reachable = false;
    await clock.advance((TTL_MS * 2) / 3 - 1);
    expect(lock.state).toBe("HELD");
    await clock.advance(2);
    expect(lock.state).toBe("AT_RISK");
    expect(() => lock.assertHeld()).not.toThrow();
    server.reachable = true;
    await clock.advance(2_000);
    expect(lock.state).toBe("HELD");
  });

  test("counts as given back from the moment the release is sent [LOCK-143]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    server.meddle = ({ kind }) => (kind === "release" ? new Promise(() => {}) : undefined);
    void lock.release();
    expect(lock.state).toBe("RELEASING");
    expect(lock.remainingMs).toBe(0);
    expect(() => lock.assertHeld()).toThrow(LockReleasedError);
    await clock.settle();
    expect(lock.signal.aborted).toBe(false);
  });

  test("repeats its release with one request id until there is an outcome [GEN-61]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    let lost = 0;
    server.meddle = ({ kind }) => (kind === "release" && lost++ < 3 ? "loseReply" : undefined);
    const releasing = outcomeOf(lock.release());
    await clock.advance(3_000);
    expect(releasing.settled).toBe(true);
    expect(releasing.error).toBeUndefined();
    const ids = server.requests("release").map(({ requestId }) => requestId);
    expect(ids).toEqual([2n, 2n, 2n, 2n]);
    expect(lock.state).toBe("RELEASED");
  });

  test("whose release has no outcome by the deadline is released: nobody uses it", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    server.reachable = false;
    server.cut();
    const releasing = outcomeOf(lock.release());
    await clock.advance(LEASE_MS);
    expect(releasing).toEqual({ settled: true, value: undefined });
    expect(lock.state).toBe("RELEASED");
  });

  test("can be released and disposed again and again; it is sent once [LOCK-146]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    const all = outcomeOf(
      Promise.all([lock.release(), lock.release(), lock[Symbol.asyncDispose]()]),
    );
    await clock.settle();
    await lock[Symbol.asyncDispose]();
    expect(all.error).toBeUndefined();
    expect(all.settled).toBe(true);
    expect(server.requests("release")).toHaveLength(1);
  });

  test("that was lost is disposed of without a word [LOCK-146, LOCK-140]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    await clock.advance(0);
    server.push(server.state.forceRelease(server.session, "a"));
    await clock.settle();
    expect(lock.state).toBe("LOST");
    await lock.release();
    await lock[Symbol.asyncDispose]();
    expect(lock.state).toBe("LOST");
  });

  test("that was lost by its deadline still tells the server that nobody uses it, when the application says so", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    clock.sleep(TTL_MS);
    expect(lock.state).toBe("LOST");
    await clock.settle();
    expect(server.session.holds).toHaveLength(1);
    await lock.release();
    await clock.settle();
    expect(server.session.holds).toEqual([]);
  });

  test.each([
    ["Attach", true],
    ["unary calls", false],
  ])(
    "that was lost in a live session tells the server, over %s, when the application has stopped [LOCK-116]",
    async (_, attach) => {
      const { clock, server, held } = world({ attach });
      const lock = await held("a");
      await clock.advance(0);
      server.state.forceRelease(server.session, "a");
      await clock.advance(TTL_MS / 3 + 10);
      expect(lock.state).toBe("LOST");
      expect(server.requests("release")).toEqual([]);
      let lost = 0;
      server.meddle = ({ kind }) => (kind === "release" && lost++ < 1 ? "loseRequest" : undefined);
      await lock.release();
      await lock.release();
      await clock.advance(1_000);
      const sent = server.requests("release");
      expect(sent).toHaveLength(2);
      expect(sent[0]).toMatchObject({ holdId: lock.holdId, token: lock.token });
      expect(new Set(sent.map(({ requestId }) => requestId)).size).toBe(1);
    },
  );

  test("that was lost with its session tells the server once when the application has stopped", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    server.state.end(server.session, ErrorReason.SESSION_REVOKED);
    await clock.advance(TTL_MS / 3 + 10);
    expect(await lock.lost).toMatchObject({ reason: "SESSION_REVOKED" });
    await lock.release();
    await lock.release();
    await clock.settle();
    expect(server.requests("release")).toHaveLength(1);
  });

  test("that was lost by closing the client has nothing more to tell", async () => {
    const { clock, server, client, held } = world();
    const lock = await held("a");
    await Promise.all([client.close(), clock.settle()]);
    await lock.release();
    await clock.settle();
    expect(server.requests("release")).toEqual([]);
  });

  test("that learns from its release that it was lost before says so [LOCK-142, LOCK-144, LOCK-74]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    await clock.advance(0);
    server.state.forceRelease(server.session, "a");
    const releasing = outcomeOf(lock.release());
    await clock.settle();
    expect(releasing).toEqual({ settled: true, value: undefined });
    expect(lock.state).toBe("LOST");
    expect(await lock.lost).toEqual({ reason: "FORCE_RELEASED", token: lock.token });
    expect(lock.signal.aborted).toBe(true);
  });

  test("whose release is refused is held as before, and can be released again [LOCK-143]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    const error = refusal(Code.PermissionDenied, ErrorReason.NOT_PERMITTED, "no");
    server.meddle = ({ kind }) => (kind === "release" ? error : undefined);
    const refused = outcomeOf(lock.release());
    await clock.settle();
    expect(refused.error).toMatchObject({ reason: "NOT_PERMITTED" });
    expect(lock.state).toBe("HELD");
    server.meddle = () => undefined;
    const released = outcomeOf(lock.release());
    await clock.settle();
    expect(released.error).toBeUndefined();
    expect(lock.state).toBe("RELEASED");
  });

  test("has a signal that others can follow [LOCK-144]", async () => {
    const { clock, held } = world();
    const lock = await held("a");
    const both = AbortSignal.any([lock.signal, new AbortController().signal]);
    clock.sleep(TTL_MS);
    await clock.advance(1_000);
    expect(both.aborted).toBe(true);
    expect(both.reason).toBe(lock.signal.reason);
    await expect(fetch("http://127.0.0.1:1", { signal: lock.signal })).rejects.toBe(both.reason);
  });

  test("of nobody's interest causes no unhandled rejection when it is lost [LOCK-147]", async () => {
    const { clock, held } = world();
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", listen);
    await held("a");
    clock.sleep(TTL_MS);
    await clock.advance(TTL_MS);
    process.off("unhandledRejection", listen);
    expect(unhandled).toEqual([]);
  });
});
