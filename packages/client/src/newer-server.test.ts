// A server that is newer than this client says things this client does not know.
import { describe, expect, test } from "vitest";
import { NotGrantedError } from "./errors.ts";
import { outcomeOf, TTL_MS, world } from "./testing-support/world.ts";

const UNHEARD_OF = 9_999;

describe.each([
  ["Attach", true],
  ["unary calls", false],
])("over %s", (_, attach) => {
  test("an acquire that is denied for an unknown reason is denied [GEN-85]", async () => {
    const { clock, server, held, another } = world({ attach });
    await held("a");
    server.forge = (kind, reply) => {
      if (kind === "acquire") reply.outcome.value.reason = UNHEARD_OF;
    };
    const denied = outcomeOf(another().acquire("a", { waitMs: 0 }));
    await clock.settle();
    expect(denied.error).toBeInstanceOf(NotGrantedError);
    expect(server.requests("acquire")).toHaveLength(2);
  });

  test("a lock that was lost for an unknown reason is lost [GEN-86]", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a");
    await clock.advance(0);
    server.state.forceRelease(server.session, "a");
    server.forge = (kind, reply) => {
      if (kind === "release") reply.lostReason = UNHEARD_OF;
    };
    const releasing = outcomeOf(lock.release());
    await clock.settle();
    expect(releasing).toEqual({ settled: true, value: undefined });
    expect(lock.state).toBe("LOST");
    expect(lock.signal.aborted).toBe(true);
  });

  test("a hold that ended in an unknown way is lost [GEN-86]", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a");
    const kept = await held("b");
    await clock.advance(0);
    server.session.holds.splice(0, 1);
    const event = server.state.append({ case: undefined } as never);
    server.session.revision = event.revision;
    server.push(event);
    await clock.advance(TTL_MS / 3 + 10);
    expect(lock.state).toBe("LOST");
    expect(kept.state).toBe("HELD");
  });
});

test("an unknown event does not end a watch, nor hide the events after it [GEN-87]", async () => {
  const { clock, server, client } = world();
  const seen: bigint[] = [];
  const watching = outcomeOf(
    (async () => {
      for await (const { revision } of client.watch()) seen.push(revision);
    })(),
  );
  await clock.settle();
  const known = [server.happen()];
  server.state.append({ case: undefined } as never);
  known.push(server.happen());
  await clock.settle();
  expect(watching.settled).toBe(false);
  expect(seen).toEqual(expect.arrayContaining(known.map(({ revision }) => revision)));
  expect(server.requests("watch")).toHaveLength(1);
});
