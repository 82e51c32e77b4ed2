import { Code, ConnectError, createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { ChangeOp, ErrorReason, ReplicationService, refusal } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { createClient } from "../client.ts";
import { AppendOutcomeUnknownError, RequestError, ServerUnreachableError } from "../errors.ts";
import { ManualClock } from "../ports/manual-clock.ts";
import { outcomeOf } from "../testing-support/world.ts";

const header = (epoch = 1n) => ({ clusterId: "one", epoch, revision: 5n });
const change = (idempotencyKey = "") => ({
  op: ChangeOp.PUT,
  key: new Uint8Array(1),
  value: new Uint8Array(1),
  idempotencyKey,
});

type Calls = Partial<ServiceImpl<typeof ReplicationService>>;

/** A client whose control and bulk connections end at scripted servers of their own. */
function client(control: Calls, bulk: Calls = {}) {
  const clock = new ManualClock();
  const over = (calls: Calls) =>
    createRouterTransport(({ service }) => service(ReplicationService, calls));
  const nobody = createRouterTransport(() => {});
  const controlTransport = over(control);
  const bulkTransport = over(bulk);
  const transports = { transport: nobody, controlTransport, bulkTransport };
  return { clock, client: createClient({ ...transports, clock, namespace: "shop" }) };
}

describe("an append", () => {
  test("is repeated as the same batch when the answer is lost and every change has an idempotency key [DATA-47]", async () => {
    const requests: unknown[] = [];
    const { clock, client: app } = client({
      append: (request) => {
        requests.push(request);
        if (requests.length < 3) throw new ConnectError("cut", Code.Aborted);
        return { header: header(), lastSeq: 7n };
      },
    });
    const appending = outcomeOf(
      app.datasets.append({ dataset: "orders", changes: [change("k1"), change("k2")] }),
    );
    await clock.advance(1_000);
    expect(appending.value?.lastSeq).toBe(7n);
    expect(requests).toHaveLength(3);
    expect(requests[1]).toEqual(requests[0]);
    expect(requests[2]).toEqual(requests[0]);
    expect(requests[0]).toMatchObject({ namespace: "shop", dataset: "orders" });
  });

  test("is not repeated when a change has no idempotency key: its outcome is unknown [DATA-47]", async () => {
    let calls = 0;
    const { clock, client: app } = client({
      append: () => {
        calls += 1;
        throw new ConnectError("cut", Code.Aborted);
      },
    });
    const appending = outcomeOf(
      app.datasets.append({ dataset: "orders", changes: [change("k1"), change()] }),
    );
    await clock.advance(20_000);
    expect(appending.error).toBeInstanceOf(AppendOutcomeUnknownError);
    expect((appending.error as Error).cause).toBeInstanceOf(ServerUnreachableError);
    expect(calls).toBe(1);
  });

  test("that the server refused did not happen, also when the code says that it may pass [DATA-30]", async () => {
    let calls = 0;
    const { client: app } = client({
      append: () => {
        calls += 1;
        throw refusal(Code.Unavailable, ErrorReason.NOT_ENOUGH_IN_SYNC, "too few", {
          in_sync: "0",
        });
      },
    });
    const appending = app.datasets.append({ dataset: "orders", changes: [change("k1")] });
    const error = await appending.catch((reason) => reason);
    expect(error).toBeInstanceOf(RequestError);
    expect(error).toMatchObject({ reason: "NOT_ENOUGH_IN_SYNC", metadata: { in_sync: "0" } });
    expect(calls).toBe(1);
  });

  test("ends as unknown when its time is over, and with its signal's reason when that is aborted", async () => {
    const never = new Promise<never>(() => {});
    const { clock, client: app } = client({ append: () => never });
    const batch = { dataset: "orders", changes: [change("k1")] };
    const timed = outcomeOf(app.datasets.append(batch, { timeoutMs: 500 }));
    await clock.advance(400);
    expect(timed.settled).toBe(false);
    await clock.advance(200);
    expect(timed.error).toBeInstanceOf(AppendOutcomeUnknownError);
    const stop = new AbortController();
    const aborted = outcomeOf(app.datasets.append(batch, { signal: stop.signal }));
    await clock.settle();
    stop.abort(new Error("enough"));
    await clock.settle();
    expect(aborted.error).toMatchObject({ message: "enough" });
    const wrong = app.datasets.append(batch, { timeoutMs: 0 });
    await expect(wrong).rejects.toBeInstanceOf(RangeError);
  });

  test("waits as long as the server may wait for replicas", async () => {
    const gate = Promise.withResolvers<void>();
    const { clock, client: app } = client({
      waitForReplication: async () => {
        await gate.promise;
        return { header: header(), appliedBy: ["copy"] };
      },
    });
    const request = { dataset: "orders", seq: 3n, replicationTimeoutMs: 30_000n };
    const waiting = outcomeOf(app.datasets.waitForReplication(request));
    await clock.advance(35_000);
    expect(waiting.settled).toBe(false);
    gate.resolve();
    await clock.settle();
    expect(waiting.value?.appliedBy).toEqual(["copy"]);
  });

  test("that is large goes over the connection for bulk", async () => {
    const { client: app } = client({}, { append: () => ({ header: header(), lastSeq: 1n }) });
    const large = { ...change("k1"), value: new Uint8Array(300 * 1024) };
    const { lastSeq } = await app.datasets.append({ dataset: "orders", changes: [large] });
    expect(lastSeq).toBe(1n);
  });
});

describe("the link of a replica", () => {
  test("has what is small on the control connection and what is large on that for bulk [REP-11]", async () => {
    const { client: app } = client(
      {
        ack: () => ({ header: header(), headSeq: 9n }),
        registerReplica: () => ({ header: header(), generation: 4n }),
        reportDrift: () => ({ header: header() }),
      },
      {
        getDigestNodes: () => ({ header: header(), nodes: new Uint8Array(32) }),
        listBucket: () => ({ header: header() }),
        fetchEntries: () => ({ header: header() }),
        async *subscribe() {
          yield { header: header(), part: { case: "heartbeat" as const, value: { headSeq: 1n } } };
        },
      },
    );
    const link = app.replication;
    const { dataset } = { dataset: "orders" };
    expect((await link.ack({ dataset })).headSeq).toBe(9n);
    expect((await link.register({ dataset })).generation).toBe(4n);
    await link.reportDrift({ dataset });
    expect((await link.digestNodes({ dataset })).nodes).toHaveLength(32);
    await link.listBucket({ dataset });
    await link.fetchEntries({ dataset });
    const parts = [];
    for await (const { part } of link.subscribe({ dataset }, new AbortController().signal))
      parts.push(part.case);
    expect(parts).toEqual(["heartbeat"]);
  });

  test("ends a subscription of a server that has been replaced, and believes none of its answers [GEN-14]", async () => {
    let epoch = 3n;
    const { client: app } = client(
      { ack: () => ({ header: header(epoch), headSeq: 9n }) },
      {
        async *subscribe() {
          const part = { case: "heartbeat" as const, value: { headSeq: 1n } };
          yield { header: header(3n), part };
          yield { header: header(2n), part };
          yield { header: header(3n), part };
        },
      },
    );
    const link = app.replication;
    await link.ack({ dataset: "orders" });
    const heads = [];
    for await (const response of link.subscribe({}, new AbortController().signal))
      heads.push(response.header?.epoch);
    expect(heads).toEqual([3n]);
    epoch = 2n;
    await expect(link.ack({ dataset: "orders" })).rejects.toBeInstanceOf(ServerUnreachableError);
  });

  test("rejects a subscription that is refused with the reason, and ends one that is aborted without a word", async () => {
    const gate = Promise.withResolvers<void>();
    let isRefused = true;
    const { client: app } = client(
      {},
      {
        async *subscribe() {
          if (isRefused)
            throw refusal(Code.OutOfRange, ErrorReason.COMPACTED, "gone", { floor: "4" });
          yield { header: header() };
          await gate.promise;
        },
      },
    );
    const stop = new AbortController();
    const read = async () => {
      for await (const _ of app.replication.subscribe({ dataset: "orders" }, stop.signal))
        stop.abort();
    };
    await expect(read()).rejects.toMatchObject({ reason: "COMPACTED", metadata: { floor: "4" } });
    isRefused = false;
    await read();
    gate.resolve();
  });
});
