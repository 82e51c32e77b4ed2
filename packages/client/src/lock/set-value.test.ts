import { LossReason } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { LockLostError, LockReleasedError, RequestError } from "../errors.ts";
import { gate, LEASE_MS, outcomeOf, world } from "../testing-support/world.ts";
import { WAITING_CHANGES_MAX } from "./turns.ts";
import { VALUE_BYTES_MAX } from "./wish.ts";

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

describe.each([
  ["Attach", true],
  ["unary calls", false],
])("over %s, a value", (_, attach) => {
  test("is published with the lock and can be changed", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a", { value: "here" });
    expect(text(server.session.holds[0]?.value)).toBe("here");
    const setting = outcomeOf(lock.setValue(new Uint8Array([240, 159, 140, 133])));
    await clock.settle();
    expect(setting).toEqual({ settled: true, value: undefined });
    expect(text(server.session.holds[0]?.value)).toBe("🌅");
  });

  test("that is set after another is set after it, whatever the network does", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a");
    let lost = false;
    server.meddle = ({ kind }) => {
      if (kind !== "setValue" || lost) return undefined;
      lost = true;
      return "loseRequest";
    };
    const both = outcomeOf(Promise.all([lock.setValue("first"), lock.setValue("second")]));
    await clock.advance(3_000);
    expect(both.error).toBeUndefined();
    expect(text(server.session.holds[0]?.value)).toBe("second");
    expect(server.requests("setValue").map(({ value }) => text(value))).toEqual([
      "first",
      "first",
      "second",
    ]);
  });
});

describe("a value", () => {
  test("is set with the token of now when a conversion outran it", async () => {
    const { clock, server, held } = world();
    const lock = await held("a", { mode: "UPGRADABLE" });
    const late = gate();
    server.meddle = ({ kind }) => (kind === "convert" ? late.promise : undefined);
    const converting = outcomeOf(lock.convert("EXCLUSIVE"));
    await clock.settle();
    const setting = outcomeOf(lock.setValue("leader"));
    await clock.settle();
    expect(setting.settled).toBe(false);
    late.open();
    await clock.settle();
    expect([converting.error, setting.error]).toEqual([undefined, undefined]);
    expect(text(server.session.holds[0]?.value)).toBe("leader");
    expect(lock.state).toBe("HELD");
  });

  test("of a lock that is gone says how it was lost", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    await clock.advance(0);
    server.state.forceRelease(server.session, "a", LossReason.MAX_HOLD);
    const setting = outcomeOf(lock.setValue("too late"));
    await clock.settle();
    expect(setting.error).toBeInstanceOf(LockLostError);
    expect(setting.error).toMatchObject({ reason: "MAX_HOLD" });
    expect(lock.state).toBe("LOST");
  });

  test("of a lock that was given back is refused without being sent", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    void lock.release();
    await expect(lock.setValue("too late")).rejects.toThrow(LockReleasedError);
    await clock.settle();
    expect(server.requests("setValue")).toEqual([]);
  });

  test("that has no outcome by the deadline rejects", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    server.reachable = false;
    server.cut();
    const setting = outcomeOf(lock.setValue("lost"));
    await clock.advance(LEASE_MS);
    expect(setting.error).toMatchObject({ name: "SessionLostError", reason: "DEADLINE_PASSED" });
  });

  test("that no server takes is refused before it is sent", async () => {
    const { client, held } = world();
    const lock = await held("a");
    const huge = new Uint8Array(VALUE_BYTES_MAX + 1);
    await expect(lock.setValue(huge)).rejects.toThrow(RangeError);
    await expect(client.acquire("b", { value: huge })).rejects.toThrow(RangeError);
  });

  test("can wait behind so many others and no more", async () => {
    const { server, held } = world();
    const lock = await held("a");
    server.meddle = ({ kind }) => (kind === "setValue" ? new Promise(() => {}) : undefined);
    for (let i = 0; i <= WAITING_CHANGES_MAX; i++) lock.setValue("x").catch(() => {});
    const refused = outcomeOf(lock.setValue("one more"));
    await Promise.resolve();
    await expect(lock.setValue("one more")).rejects.toThrow(RequestError);
    expect(refused.error).toMatchObject({
      reason: "LIMIT_EXCEEDED",
      metadata: { limit: "WAITING_CHANGES_MAX" },
    });
  });
});
