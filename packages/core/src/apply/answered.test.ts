import { ErrorReason, type Event, LockMode } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { type Client, forceRelease, type Held, open, refused } from "../testing-support/client.ts";
import { expectSameState, replayed } from "../testing-support/durable.ts";
import { convert, setValue, transfer } from "../testing-support/holding.ts";
import { World } from "../testing-support/world.ts";

function people(): { world: World; ann: Client } {
  const world = new World();
  return { world, ann: open(world) };
}

/** What an event tells of confirmations. */
function answeredIn(event: Event | undefined): [bigint, bigint][] {
  return (event?.journalOnly?.answered ?? []).map(({ first, last }) => [first, last]);
}

describe("What a session confirms", () => {
  it("goes with the first event of its next call, once, and with no other's", () => {
    const { world, ann } = people();
    const held = ann.lock("a", { requestId: 1n });
    ann.keepAlive(0n, [1n]);
    ann.get([[3n, 4n]]);
    open(world);
    expect(answeredIn(world.events.at(-1))).toEqual([]);
    forceRelease(world, "a", held.token);
    expect(answeredIn(world.events.at(-1))).toEqual([]);
    ann.lock(["b"], { requestId: 5n });
    expect(answeredIn(world.events.at(-1))).toEqual([
      [1n, 1n],
      [3n, 4n],
    ]);
    ann.lock("c", { requestId: 6n });
    expect(answeredIn(world.events.at(-1))).toEqual([]);
  });

  it.each<[string, (ann: Client, held: Held) => unknown]>([
    ["Release", (ann, held) => ann.release(held)],
    ["CancelAcquire", (ann) => ann.cancel(99n)],
    ["Convert", (ann, held) => convert(ann, held, "a", LockMode.SHARED)],
    ["Transfer", (ann, held) => transfer(ann, held, ann.id, 5n)],
    ["SetValue", (ann, held) => setValue(ann, held, Uint8Array.of(1))],
  ])("goes with the event of a %s", (_, call) => {
    const { world, ann } = people();
    const held = ann.lock("a", { requestId: 1n });
    ann.queue("a", { requestId: 5n });
    ann.keepAlive(0n, [1n]);
    ann.lastRequestId = 10n;
    call(ann, held);
    expect(answeredIn(world.batches.at(-1)?.[0])).toEqual([[1n, 1n]]);
    expectSameState(world.state, replayed(world.events, world.state.limits));
  });

  it("goes with a delay that a keep-alive of it ends", () => {
    const { world, ann } = people();
    const held = ann.lock("a", { requestId: 1n });
    forceRelease(world, "a", held.token);
    ann.keepAlive(world.state.revision, [1n]);
    expect(world.events.at(-1)?.body.case).toBe("delayEnded");
    expect(answeredIn(world.events.at(-1))).toEqual([[1n, 1n]]);
    expectSameState(world.state, replayed(world.events, world.state.limits));
  });

  it("goes with the end of a session, and is forgotten with it", () => {
    const { world, ann } = people();
    ann.lock("a", { requestId: 1n });
    ann.close({ requestId: 2n, answered: [1n] });
    expect(world.batches.at(-1)?.map(answeredIn)).toEqual([[[1n, 1n]], []]);
    expect(world.state.sessions.get(ann.id)?.answered.size).toBe(0);
  });

  it("stays confirmed after a recovery, and its outcomes forgotten [GEN-66]", () => {
    const { world, ann } = people();
    ann.lock("a", { requestId: 1n });
    ann.acquire("a", { requestId: 2n });
    ann.lock("b", { requestId: 3n, answered: [[1n, 2n]] });
    world.restart();
    expect([...(world.state.sessions.get(ann.id)?.outcomes.keys() ?? [])]).toEqual([3n]);
    for (const requestId of [1n, 2n]) {
      const refusal = refused(() => ann.acquire("c", { requestId }));
      expect(refusal.reason).toBe(ErrorReason.REQUEST_ID_ANSWERED);
    }
  });

  it("by nothing but renewals and reads is asked for again after a recovery", () => {
    const { world, ann } = people();
    ann.lock("a", { requestId: 1n });
    ann.keepAlive(0n, [1n]);
    expect(world.state.sessions.get(ann.id)?.outcomes.size).toBe(0);
    world.restart();
    expect(ann.acquire("a", { requestId: 1n }).case).toBe("granted");
    ann.keepAlive(0n, [1n]);
    expect(world.state.sessions.get(ann.id)?.outcomes.size).toBe(0);
  });

  it("of a request that waits drops its outcome when it has one, live and replayed", () => {
    const { world, ann } = people();
    const held = open(world).lock("a");
    ann.queue("a", { requestId: 1n });
    ann.lock("b", { requestId: 2n, answered: [1n] });
    expect(world.state.sessions.get(ann.id)?.outcomes.has(1n)).toBe(true);
    forceRelease(world, "a", held.token, { immediate: true });
    expect(world.state.sessions.get(ann.id)?.outcomes.has(1n)).toBe(false);
    const replay = replayed(world.events, world.state.limits);
    expect(replay.sessions.get(ann.id)?.outcomes.has(1n)).toBe(false);
    expectSameState(world.state, replay);
  });

  it("is not lost when the request that says it is refused", () => {
    const { world, ann } = people();
    ann.lock("a", { requestId: 1n });
    world.storageLow = true;
    refused(() => ann.acquire("b", { requestId: 2n, answered: [1n] }));
    world.storageLow = false;
    ann.lock("b", { requestId: 2n });
    expect(answeredIn(world.events.at(-1))).toEqual([[1n, 1n]]);
  });
});
