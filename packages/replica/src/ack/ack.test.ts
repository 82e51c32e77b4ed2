import { create } from "@bufbuild/protobuf";
import { ManualClock } from "@lockstep/client/internal";
import { AckResponseSchema, ReplicaState } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { Freshness } from "../read/freshness.ts";
import type { Replica } from "../replicate.ts";
import { MemoryStore } from "../store/memory.ts";
import { refused } from "../testing-support/fake-authority.ts";
import { put } from "../testing-support/fake-log.ts";
import { expectEqual, until, type World, world } from "../testing-support/world.ts";
import { Acker } from "./acker.ts";

describe("a replica that is closed", () => {
  /** What its acks say from its closing on. */
  async function saidAfterClosing({ authority, clock }: World, replica: Replica) {
    const before = authority.requests("ack").length;
    const closed = replica.close();
    await clock.advance(5_000);
    await closed;
    return authority.requests("ack").slice(before);
  }

  test("says that it leaves, and nothing after that [REP-18]", async () => {
    const here = world();
    const replica = await here.started();
    here.authority.append(put("a", "1"));
    await expectEqual(here, replica);
    const said = await saidAfterClosing(here, replica);
    expect(said).toMatchObject([{ appliedSeq: 1n, state: ReplicaState.OK, leaving: true }]);
  });

  test("is closed in a second when nobody answers that", async () => {
    const here = world();
    const replica = await here.started();
    await here.clock.settle();
    here.authority.meddle = ({ call }) => (call === "ack" ? new Promise(() => {}) : undefined);
    const said = await saidAfterClosing(here, replica);
    expect(said).toMatchObject([{ leaving: true }]);
  });

  test("says nothing between two subscriptions [REP-18]", async () => {
    const here = world();
    const { authority, clock } = here;
    const replica = await here.started();
    await clock.settle();
    authority.meddle = ({ call }) =>
      call === "subscribe" ? refused("UNAVAILABLE", "RECOVERING") : undefined;
    authority.cut();
    await clock.settle();
    expect(await saidAfterClosing(here, replica)).toEqual([]);
  });

  test("says nothing to a server that has not answered its last ack [REP-18]", async () => {
    const here = world();
    const { authority, clock } = here;
    const replica = await here.started();
    await clock.settle();
    authority.meddle = ({ call }) =>
      call === "ack" ? refused("UNAVAILABLE", "RECOVERING") : undefined;
    await clock.advance(1_500);
    authority.meddle = () => undefined;
    expect(await saidAfterClosing(here, replica)).toEqual([]);
  });
});

test("one ack that cannot be made is followed by the next all the same", async () => {
  const clock = new ManualClock();
  const freshness = new Freshness(clock);
  const failures: unknown[] = [];
  let acks = 0;
  const acker = new Acker({
    clock,
    freshness,
    link: {
      ack: async () => {
        acks += 1;
        return create(AckResponseSchema);
      },
    },
    request: () => {
      if (failures.length === 0) throw new Error("no rows");
      return {};
    },
    answered: () => {},
    failed: (error) => failures.push(error),
  });
  await clock.advance(1_500);
  expect([failures.length, acks]).toEqual([1, 1]);
  acker.stop();
});

describe("an ack", () => {
  test("follows the commit, and never goes before it [REP-10]", async () => {
    const { authority, clock, started } = world();
    const committed: bigint[] = [];
    let isOpen = Promise.resolve();
    class Watched extends MemoryStore {
      override async transaction<T>(work: Parameters<MemoryStore["transaction"]>[0]): Promise<T> {
        await isOpen;
        const result = await super.transaction(work);
        committed.push((await this.get(new Uint8Array())).appliedSeq);
        return result as T;
      }
    }
    const replica = await started({ store: new Watched() as never });
    const told: bigint[] = [];
    authority.meddle = ({ call, request }) => {
      if (call === "ack") {
        told.push(request.appliedSeq);
        expect(committed.at(-1)).toBe(request.appliedSeq);
      }
      return undefined;
    };
    const gate = Promise.withResolvers<void>();
    isOpen = gate.promise;
    authority.append(put("a", "1"));
    await clock.advance(3_000);
    expect(told.every((seq) => seq === 0n)).toBe(true);
    gate.resolve();
    await clock.settle();
    expect(told.at(-1)).toBe(1n);
    await replica.close();
  });

  test("is sent again each second, with generation and subscription, though nothing has changed [REP-11]", async () => {
    const { authority, clock, started } = world();
    const replica = await started();
    await clock.settle();
    const before = authority.requests("ack").length;
    await clock.advance(5_000);
    expect(authority.requests("ack")).toHaveLength(before + 5);
    expect(authority.requests("ack").at(-1)).toMatchObject({
      dataset: "orders",
      replica: "copy",
      generation: authority.generation,
      subscriptionId: authority.subscriptionId,
      state: ReplicaState.OK,
    });
    await replica.close();
  });

  test("is one at a time, and says everything that was applied meanwhile", async () => {
    const { authority, clock, started } = world();
    const replica = await started();
    await clock.settle();
    const gate = Promise.withResolvers<void>();
    authority.meddle = ({ call }) => (call === "ack" ? gate.promise : undefined);
    const before = authority.requests("ack").length;
    for (let at = 0; at < 5; at += 1) {
      authority.append(put("a", `${at}`));
      await clock.settle();
    }
    expect(authority.requests("ack")).toHaveLength(before + 1);
    gate.resolve();
    await clock.settle();
    const acks = authority.requests("ack");
    expect(acks).toHaveLength(before + 2);
    expect(acks.at(-1).appliedSeq).toBe(5n);
    await replica.close();
  });

  test("that is lost is followed by the next, also after a silence [REP-11]", async () => {
    const here = world();
    const { authority, clock, started } = here;
    const replica = await started();
    authority.meddle = ({ call }) => (call === "ack" ? "loseReply" : undefined);
    authority.append(put("a", "1"));
    await clock.advance(4_000);
    authority.meddle = () => undefined;
    await expectEqual(here, replica);
    await replica.close();
  });

  test("of a subscription that the server does not know has the replica subscribe again", async () => {
    const here = world();
    const { authority, clock, started } = here;
    const replica = await started();
    authority.subscriptionId += 1n;
    await until(clock, () => authority.requests("subscribe").length === 2);
    await expectEqual(here, replica);
    expect(authority.requests("register")).toHaveLength(1);
    await replica.close();
  });

  test("that is below one before has the replica register anew [REP-15]", async () => {
    const here = world();
    const { authority, clock, started } = here;
    const replica = await started();
    let refusals = 1;
    authority.meddle = ({ call }) =>
      call === "ack" && refusals-- > 0
        ? refused("FAILED_PRECONDITION", "ACK_REGRESSED")
        : undefined;
    await until(clock, () => authority.requests("register").length === 2);
    await expectEqual(here, replica);
    await replica.close();
  });
});
