import { ReplicaState } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import type { AppliedChange } from "../apply/applied-change.ts";
import { PoisonChangeError } from "../errors.ts";
import type { ReplicaEvent } from "../events.ts";
import { MemoryStore } from "../store/memory.ts";
import type { MemoryUser } from "../store/memory-tx.ts";
import { del, put, text } from "../testing-support/fake-log.ts";
import { eventsOf, expectEqual, rowsOf, until, world } from "../testing-support/world.ts";

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A projection that fails as long as it is told to. */
function projection() {
  const state = { fails: (_: AppliedChange) => false, attempts: 0 };
  const apply = async (change: AppliedChange, tx: MemoryUser) => {
    state.attempts += 1;
    await Promise.resolve();
    if (state.fails(change)) throw new Error(`no ${decode(change.value)}`);
    const log = (tx.get(decode(change.key)) as string[] | undefined) ?? [];
    tx.set(decode(change.key), [...log, `${change.op} ${decode(change.value)}`]);
  };
  return { state, apply };
}

const failures = (events: readonly ReplicaEvent[]) =>
  events.filter((event) => event.type === "applyFailed");

describe("a change on which apply fails", () => {
  test("is tried again with growing pauses, and applied once in the end [REP-74]", async () => {
    const here = world();
    const { authority, clock } = here;
    const { state, apply } = projection();
    const store = new MemoryStore();
    const replica = await here.started({ store, apply });
    const events = eventsOf(replica);
    const at: number[] = [];
    state.fails = () => at.push(clock.monotonicMs()) < 4;
    authority.append(put("a", "1"), put("b", "1"));
    await until(clock, () => replica.status().appliedSeq === 2n);
    const pauses = at.slice(1, 4).map((ms, index) => ms - (at[index] as number));
    expect(pauses[1]).toBeGreaterThan(pauses[0] as number);
    expect(pauses[2]).toBeGreaterThan(pauses[1] as number);
    expect([...store.user]).toEqual([
      ["a", ["PUT 1"]],
      ["b", ["PUT 1"]],
    ]);
    await expectEqual(here, replica);
    // Nothing of a failed attempt has stayed in the digest either.
    expect(events).toContainEqual({ type: "checkpoint", seq: 2n, verdict: "MATCH" });
    expect(events.some(({ type }) => type === "scrubbed")).toBe(false);
    await replica.close();
  });

  test("halts the replica when nothing else was chosen, with nothing of its batch applied [REP-74]", async () => {
    const here = world();
    const { authority, clock } = here;
    const { state, apply } = projection();
    const store = new MemoryStore();
    const replica = await here.started({ store, apply });
    const events = eventsOf(replica);
    state.fails = ({ key }) => decode(key) === "b";
    authority.append(put("a", "1"), put("b", "1"));
    await until(clock, () => replica.status().stopped !== undefined);
    const error = await replica.done.catch((reason) => reason);
    expect(error).toBeInstanceOf(PoisonChangeError);
    expect(error).toMatchObject({ seq: 2n, attempts: 8, cause: { message: "no 1" } });
    expect(failures(events)).toHaveLength(8);
    expect([...store.user]).toEqual([]);
    expect(replica.status().appliedSeq).toBe(0n);
    state.fails = () => false;
    const next = await here.started({ store, apply });
    await expectEqual(here, next);
    await next.close();
  });

  test("is parked with all later ones of its key, while rows and digest go on [REP-75] [REP-76]", async () => {
    const here = world();
    const { authority, clock } = here;
    const { state, apply } = projection();
    const store = new MemoryStore();
    const replica = await here.started({ store, apply, onPoison: "PARK" });
    state.fails = ({ value }) => decode(value) === "bad";
    authority.append(put("a", "bad"), put("b", "1"), put("a", "good"));
    authority.append(del("a"));
    authority.checkpoint();
    await until(clock, () => replica.status().verifiedSeq === 4n);
    expect(await rowsOf(replica)).toEqual({ b: "1" });
    expect([...store.user.keys()]).toEqual(["b"]);
    const letters = await replica.deadLetters();
    expect(letters.map(({ op, seq, problem }) => [op, seq, problem])).toEqual([
      ["PUT", 1n, "no bad"],
      ["PUT", 3n, "an earlier change of this key is parked"],
      ["DELETE", 4n, "an earlier change of this key is parked"],
    ]);
    expect(replica.status()).toMatchObject({ state: "DEGRADED", deadLetters: 3 });
    await clock.advance(1_000);
    expect(authority.acked).toMatchObject({ seq: 4n, state: ReplicaState.DEGRADED });
    await replica.close();
  });

  test("stays parked over a restart, and is applied in its order when it is replayed [REP-75] [REP-76]", async () => {
    const here = world();
    const { authority, clock, start } = here;
    const { state, apply } = projection();
    const store = new MemoryStore();
    const first = await here.started({ store, apply, onPoison: "PARK" });
    state.fails = ({ value }) => decode(value) === "bad";
    authority.append(put("a", "bad"), put("c", "bad"));
    await until(clock, () => first.status().deadLetters === 2);
    await first.close();
    const replica = start({ store, apply, onPoison: "PARK" });
    await until(clock, () => replica.status().state === "DEGRADED");
    authority.append(put("a", "2"));
    await until(clock, () => replica.status().deadLetters === 3);
    await expect(replica.replay()).rejects.toThrow("no bad");
    expect(replica.status().deadLetters).toBe(3);
    let isFirst = true;
    state.fails = () => {
      const was = isFirst;
      isFirst = false;
      return !was;
    };
    await expect(replica.replay(text("a"))).rejects.toThrow("no");
    // What was replayed before one that fails again is parked no more.
    expect(replica.status().deadLetters).toBe(2);
    state.fails = () => false;
    expect(await replica.replay(text("a"))).toBe(1);
    expect(store.user.get("a")).toEqual(["PUT bad", "PUT 2"]);
    expect(replica.status()).toMatchObject({ deadLetters: 1, state: "DEGRADED" });
    expect(await replica.replay()).toBe(1);
    await expectEqual(here, replica);
    await replica.close();
  });

  test("opens the breaker with others in a row; then one batch at a time is tried, after a pause [REP-78]", async () => {
    const here = world();
    const { authority, clock } = here;
    const { state, apply } = projection();
    const options = { breakerFailures: 3, breakerPauseMs: 10_000, poisonAttempts: 1_000 };
    const replica = await here.started({ apply, ...options });
    const events = eventsOf(replica);
    state.fails = () => true;
    for (let at = 0; at < 3; at += 1) authority.append(put(`k${at}`, "1"));
    await until(clock, () => replica.status().breaker === "OPEN");
    expect(failures(events)).toHaveLength(3);
    await clock.advance(9_000);
    expect(failures(events)).toHaveLength(3);
    await clock.advance(1_500);
    expect(failures(events)).toHaveLength(4);
    expect(replica.status().breaker).toBe("OPEN");
    // The first batch alone is the probe: it gets through although the second still fails.
    state.fails = ({ key }) => decode(key) === "k1";
    events.splice(0);
    await until(clock, () => replica.status().appliedSeq === 1n);
    state.fails = () => false;
    await until(clock, () => replica.status().appliedSeq === 3n);
    const states = events.flatMap((event) => (event.type === "breaker" ? [event.state] : []));
    expect(states).toEqual(["HALF_OPEN", "CLOSED"]);
    await expectEqual(here, replica);
    await replica.close();
  });

  test("of a snapshot is parked, too, and the rest of it published [REP-75] [REP-77]", async () => {
    const here = world();
    const { authority, clock, start } = here;
    const { state, apply } = projection();
    const store = new MemoryStore();
    authority.append(put("a", "1"), put("b", "bad"));
    state.fails = ({ value }) => decode(value) === "bad";
    const replica = start({ store, apply, onPoison: "PARK" });
    await until(clock, () => replica.status().rows === 2);
    expect((await replica.deadLetters()).map(({ cause, key }) => [cause, decode(key)])).toEqual([
      ["SNAPSHOT", "b"],
    ]);
    expect([...store.user.keys()]).toEqual(["a"]);
    await replica.close();
  });

  test("does not keep the replica from being closed", async () => {
    const here = world();
    const { state, apply } = projection();
    const replica = await here.started({ apply });
    state.fails = () => true;
    here.authority.append(put("a", "1"));
    await here.clock.advance(100);
    await replica.close();
    expect(replica.status().appliedSeq).toBe(0n);
  });
});
