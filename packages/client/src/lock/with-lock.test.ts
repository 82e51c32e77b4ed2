import { describe, expect, test } from "vitest";
import { LockLostError } from "../errors.ts";
import { gate, outcomeOf, TTL_MS, world } from "../testing-support/world.ts";
import type { Lock } from "./lock.ts";

describe("code under a lock", () => {
  test("runs with the lock held, and gives it back", async () => {
    const { clock, server, client } = world();
    const states: string[] = [];
    const running = outcomeOf(
      client.withLock("a", (lock) => {
        states.push(lock.state);
        return 42;
      }),
    );
    await clock.settle();
    expect(running).toEqual({ settled: true, value: 42 });
    expect(states).toEqual(["HELD"]);
    expect(server.session.holds).toEqual([]);
  });

  test.each([
    ["throws", () => Promise.reject(new Error("mine"))],
    [
      "throws at once",
      () => {
        throw new Error("mine");
      },
    ],
  ])("that %s gives the lock back and rejects with its own error", async (_, fn) => {
    const { clock, server, client } = world();
    const running = outcomeOf(client.withLock("a", fn));
    await clock.settle();
    expect(running.error).toEqual(new Error("mine"));
    expect(server.session.holds).toEqual([]);
  });

  test("is told of a loss, waited for, and rejected although it returned", async () => {
    const { clock, server, client } = world();
    const finish = gate();
    let lock: Lock | undefined;
    const running = outcomeOf(
      client.withLock("a", async (given) => {
        lock = given;
        await finish.promise;
        return "computed too late";
      }),
    );
    await clock.advance(0);
    server.push(server.state.forceRelease(server.session, "a"));
    await clock.settle();
    expect(lock?.signal.aborted).toBe(true);
    expect(running.settled).toBe(false);
    finish.open();
    await clock.settle();
    expect(running.error).toBeInstanceOf(LockLostError);
    expect(running.error).toMatchObject({ reason: "FORCE_RELEASED", token: lock?.token });
  });

  test("that throws after a loss rejects with the loss, its own error as cause", async () => {
    const { clock, client } = world();
    const running = outcomeOf(
      client.withLock("a", async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        throw new Error("stopped");
      }),
    );
    await clock.settle();
    clock.sleep(TTL_MS);
    await clock.advance(2_000);
    expect(running.error).toBeInstanceOf(LockLostError);
    expect((running.error as Error).cause).toEqual(new Error("stopped"));
  });

  test("whose lock was lost without its noticing is rejected when it returns", async () => {
    const { clock, client } = world();
    const running = outcomeOf(
      client.withLock("a", () => {
        // The process stood still in here; no timer has fired since.
        clock.pause(TTL_MS);
        return "computed too late";
      }),
    );
    await clock.settle();
    expect(running.error).toMatchObject({ name: "LockLostError", reason: "DEADLINE_PASSED" });
  });

  test("may give the lock back itself", async () => {
    const { clock, client } = world();
    const running = outcomeOf(
      client.withLock("a", async (lock) => {
        await lock.release();
        return "done";
      }),
    );
    await clock.settle();
    expect(running.value).toBe("done");
  });

  test("does not run when the lock is not granted", async () => {
    const { clock, client, held, another } = world();
    await held("a");
    let ran = false;
    const running = outcomeOf(
      another().withLock(
        "a",
        () => {
          ran = true;
        },
        { waitMs: 0 },
      ),
    );
    await clock.settle();
    expect(running.error).toMatchObject({ reason: "CONTENDED" });
    expect(ran).toBe(false);
    await client.close();
  });
});
