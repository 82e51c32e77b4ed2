import { describe, expect, test } from "vitest";
import { gate, outcomeOf, TTL_MS, world } from "../testing-support/world.ts";
import { Slots } from "./slots.ts";
import {
  ATTEMPT_TIMEOUT_MS,
  CONTROL_CALLS_MAX,
  LONG_POLLS_MAX,
  POLL_ROTATION_MS,
  POLL_TIMEOUT_MS,
  SHORT_WAITS_MAX,
} from "./unary-way.ts";

describe("in unary calls", () => {
  test("a wait goes on over many polls with one request id [GEN-61]", async () => {
    const { clock, server, held, another } = world({ attach: false });
    const lock = await held("a");
    let polls = 0;
    server.meddle = ({ kind, request }) => {
      if (kind === "acquire" && request.pollTimeoutMs > 0n && ++polls < 3) return "loseRequest";
      return undefined;
    };
    const waiting = outcomeOf(another().acquire("a"));
    await clock.advance(2_000);
    expect(polls).toBe(3);
    void lock.release();
    await clock.settle();
    expect(waiting.value?.state).toBe("HELD");
    const sent = server.requests("acquire").slice(1);
    expect(sent.map(({ requestId }) => requestId)).toEqual([1n, 1n, 1n, 1n]);
    expect(sent.map(({ pollTimeoutMs }) => Number(pollTimeoutMs))).toEqual([
      0,
      POLL_TIMEOUT_MS,
      POLL_TIMEOUT_MS,
      POLL_TIMEOUT_MS,
    ]);
  });

  test("no more long polls are open at once than half of a connection's streams [SES-84]", async () => {
    const { clock, server, held, another } = world({ attach: false });
    await held("a");
    let open = 0;
    server.meddle = ({ kind, request }) => {
      if (kind === "acquire" && request.pollTimeoutMs > 0n) open += 1;
      return undefined;
    };
    const other = another();
    for (let i = 0; i < LONG_POLLS_MAX + 10; i++) other.acquire("a").catch(() => {});
    await clock.settle();
    expect(server.session.tickets).toHaveLength(LONG_POLLS_MAX + 10);
    expect(open).toBe(LONG_POLLS_MAX);
  });

  test("those who cannot poll get their turn", async () => {
    const { clock, server, held, another } = world({ attach: false });
    await held("a");
    const other = another();
    const polled = new Set<bigint>();
    server.meddle = ({ kind, request }) => {
      if (kind === "acquire" && request.pollTimeoutMs > 0n) polled.add(request.requestId);
      return undefined;
    };
    for (let i = 0; i < LONG_POLLS_MAX + 30; i++) other.acquire("a").catch(() => {});
    await clock.advance(POLL_ROTATION_MS - 1);
    expect(polled.size).toBe(LONG_POLLS_MAX);
    await clock.advance(1);
    expect(polled.size).toBe(LONG_POLLS_MAX + 30);
    expect(server.session.tickets).toHaveLength(LONG_POLLS_MAX + 30);
  });

  test.each([
    ["acquires", "acquire", SHORT_WAITS_MAX],
    ["releases", "release", CONTROL_CALLS_MAX],
  ])(
    "only so many %s are open at once, and renewals pass them by [SES-84]",
    async (_, kind, max) => {
      const { clock, server, client } = world({ attach: false });
      const count = max + 20;
      let open = 0;
      let slow = kind === "acquire";
      server.meddle = (arrival) => {
        if (!slow || arrival.kind !== kind) return undefined;
        open += 1;
        return new Promise(() => {});
      };
      const all = Array.from({ length: count }, (_, i) => outcomeOf(client.acquire(`key-${i}`)));
      await clock.settle();
      slow = true;
      for (const { value } of all) void value?.release();
      await clock.settle();
      expect(open).toBe(max);
      await clock.advance(TTL_MS / 3 + 1);
      expect(server.requests("keepAlive").length).toBeGreaterThan(0);
    },
  );

  test("what has not been sent when the session ends is not sent after it", async () => {
    const { clock, server, client } = world({ attach: false });
    server.meddle = ({ kind }) => (kind === "acquire" ? new Promise(() => {}) : undefined);
    for (let i = 0; i < SHORT_WAITS_MAX + 20; i++) client.acquire(`key-${i}`).catch(() => {});
    await clock.settle();
    clock.sleep(TTL_MS);
    await clock.advance(60_000);
    expect(server.requests("acquire")).toHaveLength(SHORT_WAITS_MAX);
  });

  test("renewals and tries pass by those who wait [SES-84]", async () => {
    const { clock, server, held, another } = world({ attach: false });
    await held("a");
    const other = another();
    for (let i = 0; i < LONG_POLLS_MAX + 10; i++) other.acquire("a").catch(() => {});
    await clock.settle();
    const tried = outcomeOf(other.tryAcquire("b"));
    await clock.settle();
    expect(tried.value?.state).toBe("HELD");
    await clock.advance(TTL_MS * 2);
    expect(tried.value?.state).toBe("HELD");
    expect(server.requests("openSession")).toHaveLength(2);
  });

  test("an attempt without an answer is followed by another [GEN-61]", async () => {
    const { clock, server, client } = world({ attach: false });
    const never = gate();
    let first = true;
    server.meddle = ({ kind }) => {
      if (kind !== "acquire" || !first) return undefined;
      first = false;
      return never.promise;
    };
    const acquiring = outcomeOf(client.acquire("a"));
    await clock.advance(ATTEMPT_TIMEOUT_MS - 1);
    expect(server.requests("acquire")).toHaveLength(1);
    await clock.advance(1_000);
    expect(acquiring.value?.state).toBe("HELD");
    expect(server.session.holds).toHaveLength(1);
  });
});

describe("slots", () => {
  test("let so many run and the others wait in order", () => {
    const slots = new Slots(2);
    const ran: number[] = [];
    const giveBack = [1, 2, 3, 4, 5].map((name) => slots.take(() => ran.push(name)));
    expect(ran).toEqual([1, 2]);
    expect(slots.waiting).toBe(3);
    giveBack[3]?.();
    giveBack[0]?.();
    expect(ran).toEqual([1, 2, 3]);
    giveBack[0]?.();
    expect(ran).toEqual([1, 2, 3]);
    giveBack[1]?.();
    expect(ran).toEqual([1, 2, 3, 5]);
    expect(slots.waiting).toBe(0);
  });
});
