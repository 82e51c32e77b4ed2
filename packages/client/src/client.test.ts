import { describe, expect, test } from "vitest";
import { outcomeOf, world } from "./testing-support/world.ts";

describe.each([
  ["Attach", true],
  ["unary calls", false],
])("over %s, a client", (_, attach) => {
  test("takes a lock and gives it back", async () => {
    const { clock, server, client } = world({ attach });
    const acquiring = outcomeOf(client.acquire("orders"));
    await clock.settle();
    const lock = acquiring.value;
    expect(lock?.state).toBe("HELD");
    expect(lock?.sequencer).toBe(`orders/EXCLUSIVE/${lock?.token}`);
    expect(server.session.holds).toHaveLength(1);
    const releasing = outcomeOf(lock?.release() ?? Promise.reject());
    expect(lock?.state).toBe("RELEASING");
    await clock.settle();
    expect(releasing).toEqual({ settled: true, value: undefined });
    expect(lock?.state).toBe("RELEASED");
    expect(server.session.holds).toEqual([]);
  });
});
