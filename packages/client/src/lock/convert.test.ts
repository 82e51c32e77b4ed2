import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { DeniedReason, DeniedSchema, ErrorReason, LossReason, refusal } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { LockLostError, LockModeError, LockReleasedError, NotGrantedError } from "../errors.ts";
import { gate, LEASE_MS, outcomeOf, TTL_MS, world } from "../testing-support/world.ts";

describe.each([
  ["Attach", true],
  ["unary calls", false],
])("over %s, a conversion", (_, attach) => {
  test("to EXCLUSIVE waits for the readers and brings a new token", async () => {
    const { clock, held, another } = world({ attach });
    const lock = await held("a", { mode: "UPGRADABLE" });
    const reader = outcomeOf(another().acquire("a", { mode: "SHARED" }));
    await clock.settle();
    const before = lock.token;
    const converting = outcomeOf(lock.convert("EXCLUSIVE"));
    await clock.advance(TTL_MS);
    expect(converting.settled).toBe(false);
    expect(lock.mode).toBe("UPGRADABLE");
    void reader.value?.release();
    await clock.advance(TTL_MS);
    expect(converting).toEqual({ settled: true, value: undefined });
    expect(lock.mode).toBe("EXCLUSIVE");
    expect(lock.token).toBeGreaterThan(before);
    expect(lock.sequencer).toBe(`a/EXCLUSIVE/${lock.token}`);
  });

  test("that is aborted while it waits leaves the lock as it was", async () => {
    const { clock, server, held, another } = world({ attach });
    const lock = await held("a", { mode: "UPGRADABLE" });
    const session = server.session;
    await another()
      .acquire("a", { mode: "SHARED" })
      .catch(() => {});
    const abort = new AbortController();
    const converting = outcomeOf(lock.convert("EXCLUSIVE", { signal: abort.signal }));
    await clock.settle();
    expect(session.tickets).toHaveLength(1);
    abort.abort(new Error("enough"));
    await clock.settle();
    expect(converting.error).toEqual(new Error("enough"));
    expect(session.tickets).toEqual([]);
    lock.assertHeld({ mode: "UPGRADABLE" });
    expect(session.answered.length).toBeLessThanOrEqual(1);
  });

  test("whose reply was lost is repeated with one request id and one token", async () => {
    const { clock, server, held } = world({ attach });
    const lock = await held("a", { mode: "UPGRADABLE" });
    let lost = 0;
    server.meddle = ({ kind }) => (kind === "convert" && lost++ < 2 ? "loseReply" : undefined);
    const before = lock.token;
    const converting = outcomeOf(lock.convert("EXCLUSIVE"));
    await clock.advance(3_000);
    expect(converting.error).toBeUndefined();
    const sent = server.requests("convert");
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map(({ requestId }) => requestId)).size).toBe(1);
    expect(new Set(sent.map(({ token }) => token))).toEqual(new Set([before]));
    expect(lock.token).toBe(server.session.holds[0]?.token);
  });
});

describe("a weakening conversion", () => {
  test("counts from when it is sent [LOCK-143]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    server.meddle = ({ kind }) => (kind === "convert" ? new Promise(() => {}) : undefined);
    lock.convert("SHARED").catch(() => {});
    expect(lock.mode).toBe("SHARED");
    expect(lock.sequencer).toBe(`a/SHARED/${lock.token}`);
    expect(() => lock.assertHeld({ mode: "EXCLUSIVE" })).toThrow(LockModeError);
    lock.assertHeld({ mode: "SHARED" });
    await clock.settle();
    expect(lock.state).toBe("HELD");
  });

  test("keeps the token", async () => {
    const { clock, held } = world();
    const lock = await held("a");
    const before = lock.token;
    const converting = outcomeOf(lock.convert("UPGRADABLE"));
    await clock.settle();
    expect(converting.error).toBeUndefined();
    expect([lock.mode, lock.token]).toEqual(["UPGRADABLE", before]);
  });

  test.each([
    ["refused", refusal(Code.PermissionDenied, ErrorReason.NOT_PERMITTED, "no")],
    ["denied", undefined],
  ])("that is %s restores the mode [LOCK-143]", async (_, error) => {
    const { clock, server, held } = world();
    const lock = await held("a");
    server.meddle = ({ kind }) => (kind === "convert" ? error : undefined);
    server.forge = (kind, reply) => {
      const value = create(DeniedSchema, { reason: DeniedReason.UPGRADE_REFUSED });
      if (kind === "convert") reply.outcome = { case: "denied", value };
    };
    const converting = outcomeOf(lock.convert("SHARED"));
    await clock.settle();
    expect(converting.error).toMatchObject({
      reason: error ? "NOT_PERMITTED" : "UPGRADE_REFUSED",
    });
    expect(lock.mode).toBe("EXCLUSIVE");
  });

  test("that was taken back before it arrived restores the mode [LOCK-143]", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    const abort = new AbortController();
    let lost = false;
    server.meddle = ({ kind }) => {
      if (kind !== "convert" || lost) return undefined;
      lost = true;
      return "loseRequest";
    };
    const converting = outcomeOf(lock.convert("SHARED", { signal: abort.signal }));
    await clock.settle();
    abort.abort("no");
    expect(lock.mode).toBe("SHARED");
    await clock.advance(1_000);
    expect(converting.error).toBe("no");
    expect(lock.mode).toBe("EXCLUSIVE");
    expect(server.session.holds[0]?.requestIds).toHaveLength(1);
  });
});

describe("a conversion", () => {
  test("that is denied rejects with the reason, the lock unchanged", async () => {
    const { clock, held } = world();
    const lock = await held("a", { mode: "SHARED" });
    const converting = outcomeOf(lock.convert("EXCLUSIVE", { waitMs: 0 }));
    await clock.settle();
    expect(converting.error).toBeInstanceOf(NotGrantedError);
    expect(converting.error).toMatchObject({ key: "a", reason: "UPGRADE_REFUSED" });
    expect((converting.error as Error).message).toContain("UPGRADABLE");
    expect(lock.mode).toBe("SHARED");
  });

  test("of one key of several needs to say which", async () => {
    const { clock, held } = world();
    const lock = await held(["a", { key: "b", mode: "UPGRADABLE" }]);
    await expect(lock.convert("SHARED")).rejects.toThrow(/say which key/);
    await expect(lock.convert("SHARED", { key: "c" })).rejects.toThrow(TypeError);
    const converting = outcomeOf(lock.convert("EXCLUSIVE", { key: "b" }));
    await clock.settle();
    expect(converting.error).toBeUndefined();
    expect(lock.targets).toEqual([
      { key: "a", mode: "EXCLUSIVE", permits: 0 },
      { key: "b", mode: "EXCLUSIVE", permits: 0 },
    ]);
    expect(lock.sequencerOf("a")).toBe(`a/EXCLUSIVE/${lock.token}`);
    expect(lock.token).toBeGreaterThan(lock.holdId);
  });

  test("comes after the one before, with the token of then", async () => {
    const { clock, server, held } = world();
    const lock = await held([
      { key: "a", mode: "UPGRADABLE" },
      { key: "b", mode: "UPGRADABLE" },
    ]);
    const late = gate();
    server.meddle = ({ kind }) => (kind === "convert" ? late.promise : undefined);
    const all = outcomeOf(
      Promise.all([
        lock.convert("EXCLUSIVE", { key: "a" }),
        lock.convert("EXCLUSIVE", { key: "b" }),
      ]),
    );
    await clock.settle();
    expect(server.requests("convert")).toHaveLength(1);
    const first = server.session.holds[0]?.token;
    late.open();
    await clock.settle();
    expect(all.error).toBeUndefined();
    expect(server.requests("convert")[1].token).toBe(first);
    expect(lock.token).toBe(server.session.holds[0]?.token);
  });

  test("whose turn comes when the lock is over is never sent", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    const late = gate();
    server.meddle = ({ kind }) => (kind === "convert" ? late.promise : undefined);
    lock.convert("UPGRADABLE").catch(() => {});
    const second = outcomeOf(lock.convert("SHARED"));
    void lock.release();
    late.open();
    await clock.settle();
    expect(second.error).toBeInstanceOf(LockReleasedError);
    expect(server.requests("convert")).toHaveLength(1);
  });

  test("that is aborted before its turn is never sent", async () => {
    const { clock, server, held } = world();
    const lock = await held("a");
    const late = gate();
    server.meddle = ({ kind }) => (kind === "convert" ? late.promise : undefined);
    lock.convert("UPGRADABLE").catch(() => {});
    const abort = new AbortController();
    const second = outcomeOf(lock.convert("SHARED", { signal: abort.signal }));
    await clock.settle();
    abort.abort("no");
    late.open();
    await clock.settle();
    expect(second.error).toBe("no");
    expect(server.requests("convert")).toHaveLength(1);
    expect(lock.mode).toBe("UPGRADABLE");
  });

  test("of a lock that is lost meanwhile rejects with the loss", async () => {
    const { clock, server, held, another } = world();
    const lock = await held("a", { mode: "UPGRADABLE" });
    const session = server.session;
    await clock.advance(0);
    void another().acquire("a", { mode: "SHARED" });
    await clock.settle();
    const converting = outcomeOf(lock.convert("EXCLUSIVE"));
    await clock.settle();
    server.state.forceRelease(session, "a", LossReason.MAX_HOLD);
    await clock.settle();
    expect(converting.error).toBeInstanceOf(LockLostError);
    expect(converting.error).toMatchObject({ reason: "MAX_HOLD", token: lock.token });
    expect(lock.state).toBe("LOST");
  });

  test("ends with the session's deadline, whatever the server is doing", async () => {
    const { clock, server, held, another } = world();
    const lock = await held("a", { mode: "UPGRADABLE" });
    void another().acquire("a", { mode: "SHARED" });
    await clock.settle();
    const converting = outcomeOf(lock.convert("EXCLUSIVE"));
    await clock.settle();
    server.reachable = false;
    server.cut();
    await clock.advance(LEASE_MS);
    expect(converting.error).toMatchObject({ name: "LockLostError", reason: "DEADLINE_PASSED" });
  });

  test("is over when the lock is given back meanwhile", async () => {
    const { clock, server, held, another } = world();
    const lock = await held("a", { mode: "UPGRADABLE" });
    void another().acquire("a", { mode: "SHARED" });
    await clock.settle();
    const converting = outcomeOf(lock.convert("EXCLUSIVE"));
    await clock.settle();
    const releasing = outcomeOf(lock.release());
    await clock.settle();
    expect(releasing).toEqual({ settled: true, value: undefined });
    expect(converting.error).toBeInstanceOf(LockReleasedError);
    expect(server.requests("release")).toHaveLength(1);
    await expect(lock.convert("SHARED")).rejects.toThrow(LockReleasedError);
  });

  test("that had been granted when it was taken back stays", async () => {
    const { clock, server, held } = world();
    const lock = await held("a", { mode: "UPGRADABLE" });
    const late = gate();
    server.meddle = ({ kind }) => (kind === "convert" ? late.promise : undefined);
    const abort = new AbortController();
    const converting = outcomeOf(lock.convert("EXCLUSIVE", { signal: abort.signal }));
    await clock.settle();
    abort.abort("no");
    await clock.settle();
    expect(converting.error).toBe("no");
    expect(lock.mode).toBe("EXCLUSIVE");
    expect(lock.token).toBe(server.session.holds[0]?.token);
    expect(server.requests("release")).toEqual([]);
  });

  test("whose outcome comes after the deadline gives nothing back: the application has not said that it stopped", async () => {
    const { clock, server, held } = world();
    const lock = await held("a", { mode: "UPGRADABLE" });
    const late = gate();
    server.meddle = ({ kind }) => (kind === "convert" ? late.promise : undefined);
    const abort = new AbortController();
    lock.convert("EXCLUSIVE", { signal: abort.signal }).catch(() => {});
    await clock.settle();
    server.meddle = ({ kind }) =>
      kind === "cancelAcquire" || kind === "keepAlive" ? late.promise : undefined;
    abort.abort("no");
    await clock.settle();
    clock.pause(TTL_MS);
    late.open();
    await clock.advance(1_000);
    expect(lock.state).toBe("LOST");
    expect(server.requests("release")).toEqual([]);
    expect(server.session.holds).toHaveLength(1);
  });
});
