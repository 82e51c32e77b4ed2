import { create, toBinary } from "@bufbuild/protobuf";
import { ChangeOp, DatasetPolicySchema } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { NotReadableError, StaleReadError } from "../errors.ts";
import { put, text } from "../testing-support/fake-log.ts";
import { until, world } from "../testing-support/world.ts";
import type { Freshness, ReadOptions } from "./reads.ts";

async function here() {
  const parts = world();
  const replica = await parts.started();
  parts.authority.append(put("a", "1"));
  await parts.clock.settle();
  const read = (freshness: Freshness, more: ReadOptions = {}) =>
    replica.get(text("a"), { freshness, ...more });
  return { ...parts, replica, read };
}

describe("a read", () => {
  test("that is STRONG is answered as of a head that was asked for after it began [REP-83]", async () => {
    const { clock, authority, replica, read } = await here();
    const gate = Promise.withResolvers<void>();
    authority.spoil = (part) => (part.case === "changes" ? "drop" : undefined);
    const acks = authority.requests("ack").length;
    authority.append(put("a", "2"));
    // A question that was asked before says nothing of what was acknowledged since.
    authority.meddle = ({ call }) => (call === "ack" ? gate.promise : undefined);
    const reading = read({ level: "STRONG" });
    await clock.settle();
    authority.spoil = () => undefined;
    authority.cut();
    gate.resolve();
    await until(clock, () => replica.status().appliedSeq === 2n);
    await clock.advance(1_000);
    const { row, position } = await reading;
    expect(new TextDecoder().decode(row?.value)).toBe("2");
    expect(position.appliedSeq).toBe(2n);
    expect(authority.requests("ack").length).toBeGreaterThan(acks);
    await replica.close();
  });

  test("that is STRONG fails when nobody can be asked [REP-80]", async () => {
    const { clock, authority, replica, read } = await here();
    authority.reachable = false;
    authority.cut();
    const reading = read({ level: "STRONG" }, { waitMs: 500 });
    const failed = reading.catch((reason) => reason);
    await clock.advance(600);
    const error = await failed;
    expect(error).toBeInstanceOf(StaleReadError);
    const { disconnectedBy } = replica.status();
    expect(disconnectedBy).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      cause: disconnectedBy,
      message: expect.stringContaining(
        `the server is not followed: ${(disconnectedBy as Error).message}`,
      ),
    });
    await replica.close();
  });

  test("that waits for the first rows says what was in the way when its time is over", async () => {
    const { clock, authority, start } = world();
    authority.reachable = false;
    const replica = start();
    const ready = replica.ready({ waitMs: 3_000 }).catch((reason) => reason);
    await clock.advance(3_500);
    const error = await ready;
    expect(error).toBeInstanceOf(NotReadableError);
    expect(error).toMatchObject({
      cause: replica.status().disconnectedBy,
      message: expect.stringContaining("the server is not followed: "),
    });
    authority.reachable = true;
    const later = replica.ready({ waitMs: 30_000 });
    await clock.advance(20_000);
    await later;
    expect(replica.status().disconnectedBy).toBeUndefined();
    await replica.close();
  });

  test("is STRONG when nothing is said", async () => {
    const { clock, authority, replica } = await here();
    const acks = authority.requests("ack").length;
    const reading = replica.get(text("a"));
    await clock.settle();
    expect((await reading).position).toEqual({ appliedSeq: 1n, stalenessMs: 0, verifiedSeq: 0n });
    expect(authority.requests("ack").length).toBe(acks + 1);
    await replica.close();
  });

  test("that is BOUNDED is as fresh as it says, or fails [REP-80] [REP-82]", async () => {
    const { clock, authority, replica, read } = await here();
    await clock.advance(1_000);
    authority.meddle = ({ call }) => (call === "ack" ? "loseReply" : undefined);
    await clock.advance(4_000);
    const { position } = await read({ level: "BOUNDED", maxStalenessMs: 5_000 });
    expect(position.stalenessMs).toBeGreaterThanOrEqual(4_000);
    expect(position.stalenessMs).toBeLessThanOrEqual(5_000);
    const error = await read({ level: "BOUNDED", maxStalenessMs: 3_000 }).catch((reason) => reason);
    expect(error).toBeInstanceOf(StaleReadError);
    expect(error).toMatchObject({ appliedSeq: 1n, stalenessMs: position.stalenessMs });
    await replica.close();
  });

  test("that is BOUNDED goes by the dataset's policy when it does not say, also when that changes", async () => {
    const { clock, authority, replica, read } = await here();
    const policy = create(DatasetPolicySchema, { maxStalenessMs: 2_000n });
    const value = toBinary(DatasetPolicySchema, policy);
    authority.append({ key: text("policy"), value, op: ChangeOp.CONTROL });
    await clock.settle();
    authority.meddle = ({ call }) => (call === "ack" ? "loseReply" : undefined);
    await clock.advance(1_900);
    await read({ level: "BOUNDED" });
    await clock.advance(2_000);
    await expect(read({ level: "BOUNDED" })).rejects.toBeInstanceOf(StaleReadError);
    await replica.close();
  });

  test("tells the time that a machine slept, too [REP-81]", async () => {
    const { clock, authority, replica, read } = await here();
    authority.meddle = ({ call }) => (call === "ack" ? "loseReply" : undefined);
    clock.sleep(60_000);
    const { position } = await read({ level: "EVENTUAL" });
    expect(position.stalenessMs).toBeGreaterThanOrEqual(60_000);
    await replica.close();
  });

  test("tells the time that has passed although the wall clock was set back [REP-81]", async () => {
    const { clock, authority, replica, read } = await here();
    authority.meddle = ({ call }) => (call === "ack" ? "loseReply" : undefined);
    await clock.advance(4_000);
    clock.stepWall(-60_000);
    const { position } = await read({ level: "EVENTUAL" });
    expect(position.stalenessMs).toBeGreaterThanOrEqual(4_000);
    await replica.close();
  });

  test("is never told to be fresher than the changes it lacks, whatever the acks say [REP-81] [REP-82]", async () => {
    const { clock, authority, replica, read } = await here();
    authority.spoil = (part) => (part.case === "changes" ? "drop" : undefined);
    authority.append(put("a", "2"));
    const acknowledgedAt = clock.monotonicMs();
    for (let second = 0; second < 20; second += 1) {
      await clock.advance(500);
      const { position } = await read({ level: "EVENTUAL" });
      if (position.appliedSeq < 2n)
        expect(position.stalenessMs).toBeGreaterThanOrEqual(clock.monotonicMs() - acknowledgedAt);
    }
    await replica.close();
  });

  test("that is AT_LEAST waits for its seq as long as it may [REP-80]", async () => {
    const { clock, authority, replica, read } = await here();
    await expect(read({ level: "AT_LEAST", seq: 2n })).rejects.toBeInstanceOf(StaleReadError);
    const reading = read({ level: "AT_LEAST", seq: 2n }, { waitMs: 10_000 });
    authority.append(put("a", "2"));
    await clock.settle();
    expect((await reading).position.appliedSeq).toBe(2n);
    await replica.close();
  });

  test("ends with its signal", async () => {
    const { replica, read } = await here();
    const stop = new AbortController();
    const reading = read({ level: "AT_LEAST", seq: 9n }, { waitMs: 10_000, signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    await replica.close();
  });

  test("fails before there are rows [REP-84]", async () => {
    const { authority, clock, start } = world();
    authority.reachable = false;
    const replica = start();
    const reading = replica.get(text("a"), { freshness: { level: "EVENTUAL" } });
    await expect(reading).rejects.toBeInstanceOf(NotReadableError);
    const later = replica.get(text("a"), { freshness: { level: "STRONG" } });
    const failed = expect(later).rejects.toThrow(
      /not there yet, and the server is not followed: \S/,
    );
    await clock.advance(60_000);
    await failed;
    await replica.close();
  });

  test("of a page tells where the next one begins", async () => {
    const { clock, authority, replica } = await here();
    authority.append(put("b", "1"), put("c", "1"));
    await clock.settle();
    const eventual = { freshness: { level: "EVENTUAL" } } as const;
    const first = await replica.scan({ ...eventual, limit: 2 });
    expect(first).toMatchObject({ more: true, position: { appliedSeq: 3n } });
    const afterKey = first.rows.at(-1)?.key ?? new Uint8Array();
    const second = await replica.scan({ ...eventual, limit: 2, afterKey });
    expect(second.more).toBe(false);
    expect(second.rows.map(({ key }) => new TextDecoder().decode(key))).toEqual(["c"]);
    await expect(replica.scan({ limit: 0 })).rejects.toBeInstanceOf(RangeError);
    await replica.close();
  });

  test("sees a batch whole or not at all, whenever it is made [REP-72]", async () => {
    const { clock, authority, replica } = await here();
    const seen = new Set<string>();
    let isReading = true;
    const reading = (async () => {
      while (isReading) {
        const { rows } = await replica.scan({ freshness: { level: "EVENTUAL" } });
        const values = rows.filter(({ key }) => key[0] === 0x70).map(({ value }) => `${value}`);
        seen.add(values.join(" "));
        await new Promise<void>((resolve) => clock.afterTurn(resolve));
      }
    })();
    for (let at = 0; at < 20; at += 1) {
      authority.append(put("p1", `${at}`), put("p2", `${at}`), put("p3", `${at}`));
      await clock.settle();
    }
    isReading = false;
    await reading;
    for (const values of seen) {
      const each = values.split(" ");
      expect(values === "" || (each.length === 3 && new Set(each).size === 1)).toBe(true);
    }
    await replica.close();
  });
});
