import { Code } from "@connectrpc/connect";
import { ErrorReason, type Event, refusal } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { ServerUnreachableError } from "./errors.ts";
import { outcomeOf, world } from "./testing-support/world.ts";
import type { WatchOptions } from "./watch.ts";

function watching(options?: WatchOptions) {
  const { clock, server, client } = world();
  const seen: bigint[] = [];
  const ended = outcomeOf(
    (async () => {
      for await (const { revision } of client.watch(options)) seen.push(revision);
    })(),
  );
  return { clock, server, client, seen, ended };
}

const revisions = (events: Event[]) => events.map(({ revision }) => revision);

describe("a watch", () => {
  test("starts with the first event after reading has started", async () => {
    const { clock, server, seen } = watching();
    server.happen();
    await clock.settle();
    const events = [server.happen(), server.happen()];
    await clock.settle();
    expect(seen).toEqual(revisions(events));
  });

  test("starts where it is told", async () => {
    const { clock, server, client } = world();
    const [, second, third] = [server.happen(), server.happen(), server.happen()];
    const seen: bigint[] = [];
    void (async () => {
      const events = client.watch({ afterRevision: (second?.revision ?? 0n) - 1n });
      for await (const { revision } of events) seen.push(revision);
    })();
    await clock.settle();
    expect(seen).toEqual([second?.revision, third?.revision]);
  });

  test("goes on after a lost connection without gap or repetition [LOCK-163]", async () => {
    const { clock, server, seen } = watching();
    await clock.settle();
    const events: Event[] = [];
    for (let i = 0; i < 5; i++) {
      events.push(server.happen());
      server.cutWatches();
      events.push(server.happen());
      await clock.advance(1_000);
    }
    expect(seen).toEqual(revisions(events));
    expect(server.requests("watch").length).toBeGreaterThan(4);
  });

  test("tells an event once that the server shows twice [LOCK-163]", async () => {
    const { clock, server, seen } = watching();
    server.forge = (kind, reply) => {
      if (kind === "watch") reply.events.push(...reply.events);
    };
    await clock.settle();
    const event = server.happen();
    await clock.settle();
    expect(seen).toEqual([event.revision]);
  });

  test("misses nothing when the first stream is cut before it says anything [LOCK-163]", async () => {
    const { clock, server, seen } = watching();
    await clock.settle();
    server.reachable = false;
    server.cutWatches();
    await clock.advance(1_000);
    const event = server.happen();
    server.reachable = true;
    await clock.advance(3_000);
    expect(seen).toEqual([event.revision]);
  });

  test("believes no server that has been replaced [GEN-14]", async () => {
    const { clock, server, client, seen } = watching();
    server.state.epoch = 5n;
    await client.ready();
    await clock.settle();
    server.state.epoch = 4n;
    server.happen();
    await clock.advance(1_000);
    expect(seen).toEqual([]);
    server.state.epoch = 5n;
    await clock.advance(3_000);
    expect(seen).toHaveLength(1);
  });

  test("ends with its signal's reason", async () => {
    const abort = new AbortController();
    const { clock, ended } = watching({ signal: abort.signal });
    await clock.settle();
    abort.abort(new Error("enough"));
    await clock.settle();
    expect(ended.error).toEqual(new Error("enough"));
  });

  test("ends quietly when the client is closed", async () => {
    const { clock, client, ended } = watching();
    await clock.settle();
    await client.close();
    await clock.settle();
    expect(ended).toEqual({ settled: true, value: undefined });
  });

  test("ends its call when its reader stops", async () => {
    const { clock, server, client } = world();
    const reading = outcomeOf(
      (async () => {
        for await (const event of client.watch()) return event.revision;
        return undefined;
      })(),
    );
    await clock.settle();
    const { revision } = server.happen();
    await clock.settle();
    expect(reading.value).toBe(revision);
    const calls = server.requests("watch").length;
    await clock.advance(10_000);
    expect(server.requests("watch").length).toBe(calls);
  });

  test("rejects with the reason when the history is no longer kept", async () => {
    const { clock, server, ended } = watching({ afterRevision: 1n });
    server.meddle = () =>
      refusal(Code.OutOfRange, ErrorReason.REVISION_COMPACTED, "gone", { floor: "5" });
    await clock.settle();
    expect(ended.error).toMatchObject({ reason: "REVISION_COMPACTED", metadata: { floor: "5" } });
  });

  test("that never reaches a server says so", async () => {
    const { clock, server, ended } = watching({ afterRevision: 1n });
    server.reachable = false;
    await clock.advance(9_000);
    expect(ended.settled).toBe(false);
    await clock.advance(4_000);
    expect(ended.error).toBeInstanceOf(ServerUnreachableError);
  });
});
