import { RequestError } from "@lockstep/client";
import { ChangeOp } from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReplicaClosedError, ReplicaSupersededError, UnknownChangeError } from "../errors.ts";
import { MemoryStore } from "../store/memory.ts";
import { type PartFault, refused } from "../testing-support/fake-authority.ts";
import { del, put, text } from "../testing-support/fake-log.ts";
import { eventsOf, expectEqual, rowsOf, until, world } from "../testing-support/world.ts";

const fault = fc.constantFrom<PartFault>(undefined, undefined, "drop", "twice", "cut");

describe("the tail of a log", () => {
  test("is applied without gap or repetition, whatever the stream loses, doubles or cuts [REP-35] [REP-44]", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 30 }), async (faults) => {
        const here = world();
        const { authority, clock } = here;
        authority.batchesPerMessage = 1;
        const seen: bigint[] = [];
        const replica = await here.started({ apply: ({ seq }) => void seen.push(seq) });
        const waiting = [...faults];
        authority.spoil = (part) => {
          const fault = part.case === "started" ? undefined : waiting.shift();
          // The next checkpoint makes up for one that is lost, and here comes none.
          return part.case === "checkpoint" && fault === "drop" ? undefined : fault;
        };
        for (let at = 0; at < 8; at += 1) {
          authority.append(put(`k${at % 3}`, `${at}`), put("all", `${at}`));
          await clock.settle();
        }
        await expectEqual(here, replica);
        expect(seen).toEqual(seen.map((_, index) => BigInt(index + 1)));
        await replica.close();
      }),
      { numRuns: 60 },
    );
  });

  test("is subscribed to again when its last message is lost, which no later one shows [REP-35]", async () => {
    const here = world();
    const { authority, clock, started } = here;
    const replica = await started();
    let lost = 1;
    authority.spoil = (part) => (part.case === "changes" && lost-- > 0 ? "drop" : undefined);
    authority.append(put("a", "1"));
    await until(clock, () => replica.status().appliedSeq === 1n);
    expect(authority.requests("subscribe")).toHaveLength(2);
    await expectEqual(here, replica);
    await replica.close();
  });

  test("is not applied from a message that says it belongs elsewhere [REP-35]", async () => {
    const here = world();
    const { authority, clock, started } = here;
    authority.append(put("a", "1"));
    const replica = await started();
    let forge = true;
    authority.spoil = (part) => {
      if (part.case === "changes" && forge) part.value.prevSeq = 0n;
      return undefined;
    };
    authority.append(put("a", "2"));
    await until(clock, () => authority.requests("subscribe").length > 2);
    expect(replica.status().appliedSeq).toBe(1n);
    forge = false;
    await expectEqual(here, replica);
    await replica.close();
  });

  test("is subscribed to again when it falls silent [REP-44]", async () => {
    const here = world();
    const { authority, clock, started } = here;
    const replica = await started();
    authority.talks = false;
    authority.append(put("a", "1"));
    await clock.advance(9_000);
    expect(authority.requests("subscribe")).toHaveLength(1);
    await until(clock, () => authority.requests("subscribe").length > 1);
    authority.talks = true;
    await expectEqual(here, replica);
    await replica.close();
  });

  test("is subscribed to with growing pauses while nobody answers [REP-44]", async () => {
    const { authority, clock, started } = world();
    const replica = await started();
    const at: number[] = [];
    authority.meddle = ({ call }) => {
      if (call !== "subscribe") return undefined;
      at.push(clock.monotonicMs());
      return refused("UNAVAILABLE", "SERVER_STOPPING");
    };
    authority.cut();
    await until(clock, () => at.length > 4);
    const pauses = at.slice(1).map((ms, index) => ms - (at[index] as number));
    expect(pauses.every((ms, index) => index === 0 || ms > (pauses[index - 1] as number))).toBe(
      true,
    );
    expect(replica.status().state).toBe("CATCHING_UP");
    await replica.close();
  });

  test("that has another hash than its changes is another log: its rows are not used any more [REP-36] [REP-84] [REP-90]", async () => {
    const here = world();
    const { authority, clock, started } = here;
    authority.append(put("a", "1"));
    const replica = await started();
    const events = eventsOf(replica);
    let forge = true;
    authority.spoil = (part) => {
      if (part.case === "changes" && forge) part.value.logHash = new Uint8Array(32);
      if (part.case === "snapshotChunk" && forge) return "cut";
      return undefined;
    };
    authority.append(put("b", "1"));
    await until(clock, () => replica.status().state === "QUARANTINED");
    const reading = replica.get(text("a"), { freshness: { level: "EVENTUAL" } });
    await expect(reading).rejects.toMatchObject({ name: "NotReadableError" });
    forge = false;
    await expectEqual(here, replica);
    const resynced = events.find((event) => event.type === "drift");
    expect(resynced).toMatchObject({ found: { action: "RESYNCED" } });
    await replica.close();
  });

  test("of a restored server is not what the replica has: it starts anew, also after its own restart [REP-15] [REP-90]", async () => {
    const here = world();
    const { authority, started, start } = here;
    authority.append(put("a", "1"));
    authority.append(put("a", "2"), put("b", "1"));
    const store = new MemoryStore();
    const first = await started({ store });
    await first.close();
    authority.log.restore(1n);
    authority.append(put("c", "1"));
    authority.append(put("d", "1"));
    const second = start({ store });
    await expectEqual(here, second);
    expect(await rowsOf(second)).toEqual({ a: "1", c: "1", d: "1" });
    await second.close();
  });

  test("of a dataset that was made anew under the same name is another log [REP-90]", async () => {
    const here = world();
    const { authority, clock, started } = here;
    authority.append(put("a", "1"));
    const replica = await started();
    const events = eventsOf(replica);
    let forge = true;
    authority.spoil = (part) => {
      if (part.case === "started" && forge) part.value.datasetId = 8n;
      forge = false;
      return undefined;
    };
    authority.cut();
    await until(clock, () => events.some((event) => event.type === "published"));
    expect(events.find((event) => event.type === "drift")).toMatchObject({
      found: { action: "RESYNCED" },
    });
    await expectEqual(here, replica);
    await replica.close();
  });

  test("is followed no further than a schema version that nobody here knows [REP-43]", async () => {
    const { authority, clock, started } = world();
    const replica = await started();
    authority.append(put("a", "1"));
    authority.append(put("b", "1"), put("c", "1", 9));
    authority.append(put("d", "1"));
    await until(clock, () => replica.status().stopped !== undefined);
    await expect(replica.done).rejects.toMatchObject({ name: "UnknownChangeError", seq: 3n });
    expect(replica.status().appliedSeq).toBe(1n);
    await expect(replica.ready({})).resolves.toBeUndefined();
  });

  test("is followed no further than an operation that nobody here knows [REP-43]", async () => {
    const { authority, started } = world();
    const replica = await started();
    authority.append({ ...put("a", "1"), op: 9 as ChangeOp });
    await expect(replica.done).rejects.toBeInstanceOf(UnknownChangeError);
  });

  test("may have a control entry of a kind that nobody here knows [DIG-12]", async () => {
    const here = world();
    const replica = await here.started();
    here.authority.append({ key: text("weather"), value: text("rain"), op: ChangeOp.CONTROL });
    here.authority.append(put("a", "1"));
    await expectEqual(here, replica);
    await replica.close();
  });

  test("is read by one process at a time: one that was superseded stops [REP-5]", async () => {
    const here = world();
    const { authority, started } = here;
    const first = await started();
    const second = await started();
    authority.append(put("a", "1"));
    await expect(first.done).rejects.toBeInstanceOf(ReplicaSupersededError);
    await expectEqual(here, second);
    const [one, other] = authority.requests("register");
    expect(one.instance).not.toEqual(other.instance);
    expect(one.instance).toHaveLength(16);
    await second.close();
  });

  test("is registered for once, though the answer was lost [REP-5]", async () => {
    const here = world();
    const { authority, clock, start } = here;
    let lost = 2;
    authority.meddle = ({ call }) => (call === "register" && lost-- > 0 ? "loseReply" : undefined);
    const replica = start();
    await until(clock, () => replica.status().state === "LIVE");
    const registrations = authority.requests("register");
    expect(registrations).toHaveLength(3);
    expect(new Set(registrations.map(({ instance }) => `${instance}`)).size).toBe(1);
    await replica.close();
  });

  test("goes on with a new generation when the server has forgotten the replica", async () => {
    const here = world();
    const { authority, started, clock } = here;
    const replica = await started();
    authority.generation = 0n;
    authority.instance = "";
    await clock.advance(2_000);
    await expectEqual(here, replica);
    expect(authority.requests("register")).toHaveLength(2);
    await replica.close();
  });

  test("of a dataset that does not exist ends the replica with the server's words", async () => {
    const { authority, start } = world();
    authority.meddle = () => refused("NOT_FOUND", "DATASET_UNKNOWN");
    const replica = start();
    await expect(replica.done).rejects.toBeInstanceOf(RequestError);
    await expect(replica.ready()).rejects.toMatchObject({ reason: "DATASET_UNKNOWN" });
  });

  test("ends when the replica is closed, also by its signal", async () => {
    const { authority, started } = world();
    const stop = new AbortController();
    const replica = await started({ signal: stop.signal });
    const events = replica.events();
    const reading = events.next();
    stop.abort();
    await replica.done;
    expect((await reading).value).toEqual({ type: "state", state: "CATCHING_UP" });
    expect((await events.next()).done).toBe(true);
    authority.append(put("a", "1"), del("b"));
    await expect(replica.check()).rejects.toBeInstanceOf(ReplicaClosedError);
    await replica.close();
  });
});
