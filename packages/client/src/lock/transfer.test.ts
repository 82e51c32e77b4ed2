import { Code } from "@connectrpc/connect";
import { ErrorReason, refusal } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { LockLostError, LockReleasedError, NotGrantedError } from "../errors.ts";
import { gate, LEASE_MS, outcomeOf, type World, world } from "../testing-support/world.ts";
import type { RequestRef } from "./lock.ts";

/** A lock that is held, and who waits for it. */
async function waitedFor(options = {}): Promise<
  World & {
    lock: Awaited<ReturnType<World["held"]>>;
    waiter: RequestRef;
    waiting: ReturnType<typeof outcomeOf>;
  }
> {
  const made = world(options);
  const lock = await made.held("a");
  let waiter: RequestRef | undefined;
  const onRequest = (request: RequestRef) => {
    waiter = request;
  };
  const waiting = outcomeOf(made.another().acquire("a", { onRequest }));
  await made.clock.settle();
  if (!waiter) throw new Error("nobody waits");
  return { ...made, lock, waiter, waiting };
}

describe.each([
  ["Attach", true],
  ["unary calls", false],
])("over %s, a transfer", (_, attach) => {
  test("gives the lock to the waiter, and the handle is over", async () => {
    const { clock, lock, waiter, waiting } = await waitedFor({ attach });
    const transferring = outcomeOf(lock.transfer(waiter));
    await clock.settle();
    expect(transferring).toEqual({ settled: true, value: undefined });
    expect(waiting.value).toMatchObject({ state: "HELD" });
    expect(lock.state).toBe("TRANSFERRED");
    expect(lock.remainingMs).toBe(0);
    expect(lock.signal.aborted).toBe(false);
    expect(() => lock.assertHeld()).toThrow(LockReleasedError);
  });

  test("to nobody who waits is denied, and the lock is held as before [LOCK-143]", async () => {
    const { clock, lock, waiter } = await waitedFor({ attach });
    const transferring = outcomeOf(lock.transfer({ ...waiter, requestId: 99n }));
    await clock.settle();
    expect(transferring.error).toBeInstanceOf(NotGrantedError);
    expect(transferring.error).toMatchObject({ key: "a", reason: "NO_SUCH_WAITER" });
    expect(lock.state).toBe("HELD");
    lock.assertHeld();
  });
});

describe("a transfer", () => {
  test("counts from when it is sent [LOCK-143]", async () => {
    const { server, lock, waiter } = await waitedFor();
    server.meddle = ({ kind }) => (kind === "transfer" ? new Promise(() => {}) : undefined);
    lock.transfer(waiter).catch(() => {});
    expect(lock.state).toBe("RELEASING");
    expect(() => lock.assertHeld()).toThrow(LockReleasedError);
  });

  test("is waited for by a release, which then has nothing to send", async () => {
    const { clock, server, lock, waiter } = await waitedFor();
    const late = gate();
    server.meddle = ({ kind }) => (kind === "transfer" ? late.promise : undefined);
    lock.transfer(waiter).catch(() => {});
    const released = outcomeOf(Promise.resolve(lock[Symbol.asyncDispose]()));
    await clock.settle();
    expect(released.settled).toBe(false);
    late.open();
    await clock.settle();
    expect(released.settled).toBe(true);
    expect(server.requests("release")).toEqual([]);
  });

  test("that is denied lets a release that came meanwhile go on", async () => {
    const { clock, server, lock, waiter, waiting } = await waitedFor();
    const late = gate();
    server.meddle = ({ kind }) => (kind === "transfer" ? late.promise : undefined);
    lock.transfer({ ...waiter, requestId: 99n }).catch(() => {});
    const released = outcomeOf(lock.release());
    late.open();
    await clock.settle();
    expect(released.settled).toBe(true);
    expect(lock.state).toBe("RELEASED");
    expect(waiting.settled).toBe(true);
  });

  test("that is refused leaves the lock held", async () => {
    const { clock, server, lock, waiter } = await waitedFor();
    const error = refusal(Code.PermissionDenied, ErrorReason.NOT_PERMITTED, "no");
    server.meddle = ({ kind }) => (kind === "transfer" ? error : undefined);
    const transferring = outcomeOf(lock.transfer(waiter));
    await clock.settle();
    expect(transferring.error).toMatchObject({ reason: "NOT_PERMITTED" });
    expect(lock.state).toBe("HELD");
  });

  test("that finds the lock lost says so", async () => {
    const { clock, server, lock, waiter } = await waitedFor();
    await clock.advance(0);
    const session = [...server.state.sessions.values()][0];
    if (!session) throw new Error("no session");
    server.state.forceRelease(session, "a");
    const transferring = outcomeOf(lock.transfer(waiter));
    await clock.settle();
    expect(transferring.error).toBeInstanceOf(LockLostError);
    expect(lock.state).toBe("LOST");
    expect(await lock.lost).toMatchObject({ reason: "FORCE_RELEASED" });
  });

  test("that is denied after the lock was lost does not bring it back [LOCK-140]", async () => {
    const { clock, server, lock, waiter } = await waitedFor();
    await clock.advance(0);
    const late = gate();
    server.meddle = ({ kind }) => (kind === "transfer" ? late.promise : undefined);
    const transferring = outcomeOf(lock.transfer({ ...waiter, requestId: 99n }));
    await clock.settle();
    const session = [...server.state.sessions.values()][0];
    if (!session) throw new Error("no session");
    const lost = server.state.forceRelease(session, "a");
    session.revision = 0n;
    server.meddle = () => undefined;
    server.pushTo(session, lost);
    await clock.settle();
    expect(lock.state).toBe("RELEASING");
    late.open();
    await clock.settle();
    expect(transferring.settled).toBe(true);
    expect(lock.state).toBe("LOST");
    expect(lock.signal.aborted).toBe(true);
  });

  test("whose outcome nobody knows at the deadline rejects; nobody uses the lock", async () => {
    const { clock, server, lock, waiter } = await waitedFor();
    server.reachable = false;
    server.cut();
    const transferring = outcomeOf(lock.transfer(waiter));
    await clock.advance(LEASE_MS);
    expect(transferring.error).toMatchObject({ name: "SessionLostError" });
    expect(lock.state).toBe("RELEASED");
  });

  test("whose token was outrun by a conversion is made again with the new one", async () => {
    const { clock, server, held, another } = world();
    const lock = await held("a", { mode: "UPGRADABLE" });
    const late = gate();
    server.meddle = ({ kind }) => (kind === "convert" ? late.promise : undefined);
    const converting = outcomeOf(lock.convert("EXCLUSIVE"));
    await clock.settle();
    let waiter: RequestRef | undefined;
    void another().acquire("a", {
      onRequest: (request) => {
        waiter = request;
      },
    });
    await clock.settle();
    if (!waiter) throw new Error("nobody waits");
    const transferring = outcomeOf(lock.transfer(waiter));
    await clock.settle();
    expect(transferring.settled).toBe(false);
    late.open();
    await clock.settle();
    expect(converting.error).toBeUndefined();
    expect(transferring).toEqual({ settled: true, value: undefined });
    expect(lock.state).toBe("TRANSFERRED");
    const ids = server.requests("transfer").map(({ requestId }) => requestId);
    expect(new Set(ids).size).toBe(2);
  });
});

test("a listener that wants to know its request stops the acquire when it throws", async () => {
  const { clock, server, client } = world();
  await client.ready();
  const onRequest = () => {
    throw new Error("mine");
  };
  const acquiring = outcomeOf(client.acquire("a", { onRequest }));
  await clock.settle();
  expect(acquiring.error).toEqual(new Error("mine"));
  expect(server.requests("acquire")).toEqual([]);
  const next = outcomeOf(client.acquire("a"));
  await clock.settle();
  expect(next.value?.state).toBe("HELD");
  await clock.advance(5_000);
  expect(server.session.answered).toMatchObject([{ first: 1n, last: 2n }]);
});

test("a listener that gives the request up when it learns its id has nothing sent", async () => {
  const { clock, server, client } = world();
  await client.ready();
  const abort = new AbortController();
  const onRequest = () => abort.abort("no");
  const acquiring = outcomeOf(client.acquire("a", { onRequest, signal: abort.signal }));
  await clock.settle();
  expect(acquiring.error).toBe("no");
  expect(server.requests("acquire")).toEqual([]);
});
