import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Op } from "@lockstep/core";
import {
  AckRequestSchema,
  AppendOutcome,
  AppendRequestSchema,
  ChangeOp,
  CreateDatasetRequestSchema,
  type DatasetPolicySchema,
  DeleteDatasetRequestSchema,
  ErrorReason,
  FetchEntriesRequestSchema,
  GetRequestSchema,
  type NewChangeSchema,
  RegisterReplicaRequestSchema,
  ReplicaState,
  ReplicationMode,
  ScanRequestSchema,
  SubscribeRequestSchema,
} from "@lockstep/protocol";
import { expect, test } from "vitest";
import { MemoryJournal } from "../../journal/memory.ts";
import type { TableRead } from "../../journal/tables.ts";
import {
  ALL,
  getLockOp,
  newWorld,
  PAGE,
  reasonOf,
  type World,
  watched,
} from "../testing-support/world.ts";

const DATASET = { namespace: "default", dataset: "d" };
const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const principal = "p";
async function withDataset(name = "d"): Promise<World> {
  const world = await newWorld();
  await createIn(world, name);
  return world;
}

async function createIn(
  { executor, clock }: World,
  dataset: string,
  policy: MessageInitShape<typeof DatasetPolicySchema> = {},
): Promise<bigint> {
  const given = { ...DATASET, dataset, reason: "test", policy };
  const request = create(CreateDatasetRequestSchema, given as never);
  const salt = new Uint8Array(16);
  const op = { kind: "createDataset", principal, salt, request } as const;
  const { reply } = executor.submit<"createDataset">(op);
  await clock.settle();
  return (await reply).dataset?.datasetId ?? 0n;
}

type Change = MessageInitShape<typeof NewChangeSchema>;

/** A key so long that nothing is known of its row without a read. */
const unknown = (key: string) => key.padEnd(49, "-");
const put = (key: string, value: string, more: Partial<Change> = {}) =>
  ({ op: ChangeOp.PUT, key: bytes(key), value: bytes(value), ...more }) as Change;

function appendOp(
  changes: Change[],
  more: MessageInitShape<typeof AppendRequestSchema> = {},
): Op<"append"> {
  const request = create(AppendRequestSchema, { ...DATASET, changes, ...more } as never);
  return { kind: "append", principal, request };
}

const getOp = (key: string): Op<"getRow"> => ({
  kind: "getRow",
  request: create(GetRequestSchema, { ...DATASET, key: bytes(key) }),
});

/** Submits and lets everything settle that can. */
async function seen<K extends Parameters<World["executor"]["submit"]>[0]["kind"]>(
  { executor, clock }: World,
  op: Op<K>,
) {
  const reply = watched(executor.submit<K>(op).reply);
  await clock.settle();
  return reply;
}

test("an append is checked against everything decided before it, durable or not, and answered when it is durable [DATA-37, DATA-60]", async () => {
  const world = await withDataset();
  world.journal.hold();
  const first = await seen(world, appendOp([put("a", "1", { idempotencyKey: "x" })]));
  const second = await seen(world, appendOp([put("a", "2", { expectedKeySeq: 1n })]));
  const stale = await seen(world, appendOp([put("a", "3", { expectedKeySeq: 1n })]));
  const repeat = await seen(world, appendOp([put("a", "1", { idempotencyKey: "x" })]));
  const read = await seen(world, getOp("a"));
  expect([first, second, stale, repeat, read].map(({ state }) => state)).toEqual(
    Array(5).fill("open"),
  );
  world.journal.resume();
  await world.clock.settle();
  expect(first.reply?.lastSeq).toBe(1n);
  expect(second.reply?.lastSeq).toBe(2n);
  expect(reasonOf(stale.error)).toBe(ErrorReason.KEY_MISMATCH);
  expect(repeat.reply?.changes).toMatchObject([{ seq: 1n, duplicate: true }]);
  expect(read.reply?.row).toMatchObject({ seq: 2n, value: bytes("2") });
});

test("two appends of one turn that expect the same head do not both succeed [DATA-37]", async () => {
  const world = await withDataset();
  const replies = ["1", "2"].map((value) =>
    watched(world.executor.submit(appendOp([put("a", value)], { expectedHeadSeq: 0n })).reply),
  );
  await world.clock.settle();
  expect(replies[0]?.reply).toMatchObject({ lastSeq: 1n });
  expect(reasonOf(replies[1]?.error)).toBe(ErrorReason.HEAD_MISMATCH);
});

/** A journal whose reads of tables come back late: what they say was so when they were asked. */
class LateReads extends MemoryJournal {
  readonly late: (() => void)[] = [];
  isLate = false;

  override async readTables<const R extends readonly TableRead[]>(reads: R) {
    const found = await super.readTables(reads);
    if (this.isLate) await new Promise<void>((arrive) => this.late.push(arrive));
    return found;
  }
}

test("what was read before a row was written is not taken for what the row is", async () => {
  const journal = new LateReads();
  const world = await newWorld({ journal });
  await createIn(world, "d");
  await seen(world, appendOp([put(unknown("a"), "old")]));
  journal.isLate = true;
  const write = await seen(world, appendOp([put(unknown("a"), "new")]));
  const next = await seen(world, appendOp([put(unknown("a"), "newer", { expectedKeySeq: 2n })]));
  const read = await seen(world, getOp(unknown("a")));
  expect(journal.late).toHaveLength(3);
  for (const arrive of journal.late) {
    arrive();
    await world.clock.settle();
  }
  expect([write.reply?.lastSeq, next.reply?.lastSeq]).toEqual([2n, 3n]);
  expect(read.reply?.row).toMatchObject({ seq: 3n, value: bytes("newer") });
});

test("only what names rows waits for them, and one read serves a whole turn", async () => {
  const world = await withDataset();
  world.journal.hold("readTables");
  const appends = ["a", "b", "c"].map((key) =>
    watched(world.executor.submit(appendOp([put(unknown(key), "1")])).reply),
  );
  expect((await seen(world, getLockOp("k"))).state).toBe("resolved");
  expect(appends.map(({ state }) => state)).toEqual(["open", "open", "open"]);
  expect(world.journal.pending).toBe(1);
  world.journal.resume();
  await world.clock.settle();
  expect(appends.map(({ reply }) => reply?.lastSeq)).toEqual([1n, 2n, 3n]);
});

test("a page has rows that were decided and not those that were deleted, up to where it was read [DATA-84]", async () => {
  const world = await withDataset();
  await seen(world, appendOp(["a", "c", "e", "g"].map((key) => put(key, key))));
  world.journal.hold("append");
  await seen(
    world,
    appendOp([put("b", "b"), put("f", "f"), { op: ChangeOp.DELETE, key: bytes("c") }]),
  );
  const scan = (more: MessageInitShape<typeof ScanRequestSchema>) =>
    seen(world, {
      kind: "scanRows",
      request: create(ScanRequestSchema, { ...DATASET, ...more } as never),
    } as Op<"scanRows">);
  const all = await scan({});
  const first = await scan({ pageSize: 2 });
  const rest = await scan({ pageSize: 10, afterKey: bytes("c") });
  world.journal.resume();
  await world.clock.settle();
  const keys = ({ reply }: typeof all) =>
    reply?.rows.map(({ key }) => Buffer.from(key).toString()).join("");
  expect([keys(all), all.reply?.more]).toEqual(["abefg", false]);
  expect([keys(first), first.reply?.more]).toEqual(["ab", true]);
  expect(first.reply?.nextAfterKey).toEqual(bytes("c"));
  expect(keys(rest)).toBe("efg");
});

test("an operation whose dataset was made anew meanwhile is decided with the rows of the new one", async () => {
  const world = await withDataset();
  await seen(world, appendOp([put("a", "old")]));
  world.journal.hold("readTables");
  const read = await seen(world, getOp("a"));
  const { executor, clock } = world;
  const old = (await describedId(world)) as bigint;
  const request = create(DeleteDatasetRequestSchema, { ...DATASET, datasetId: old, reason: "x" });
  executor.submit({ kind: "deleteDataset", principal, request } as Op<"deleteDataset">);
  await clock.settle();
  await createIn(world, "d");
  world.journal.resume();
  await clock.settle();
  expect(read.reply?.row).toBeUndefined();
  expect(read.reply?.position?.appliedSeq).toBe(0n);
});

test("rows that are large are fetched as far as was read, however many were asked for", async () => {
  const world = await withDataset();
  const large = "x".repeat(700_000);
  for (const key of ["a", "b", "c"]) await seen(world, appendOp([put(key, large)]));
  const request = create(FetchEntriesRequestSchema, {
    ...DATASET,
    keys: ["a", "b", "c"].map(bytes),
  });
  const fetched = await seen(world, { kind: "fetchEntries", request } as Op<"fetchEntries">);
  expect(fetched.reply?.entries).toHaveLength(1);
  for (const key of ["a", "b", "c"]) await seen(world, appendOp([put(key, "small")]));
  const again = await seen(world, { kind: "fetchEntries", request } as Op<"fetchEntries">);
  expect(again.reply?.entries).toHaveLength(3);
});

test("an append that waits for a replica is answered when the replica has it, or when its time is over [DATA-62, DATA-65]", async () => {
  const world = await withDataset();
  const replica = { ...DATASET, replica: "r" };
  const register = create(RegisterReplicaRequestSchema, {
    ...replica,
    instance: new Uint8Array(16),
  });
  const registered = await seen(world, {
    kind: "registerReplica",
    principal,
    request: register,
  } as Op<"registerReplica">);
  const generation = registered.reply?.generation ?? 0n;
  const subscribe = create(SubscribeRequestSchema, { ...replica, generation });
  const begun = await seen(world, { kind: "beginSubscription", request: subscribe } as never);
  const started = (begun.reply as { part: { value: { subscriptionId: bigint } } }).part.value;
  const { subscriptionId } = started;
  const ack = (appliedSeq: bigint) =>
    seen(world, {
      kind: "ack",
      request: create(AckRequestSchema, {
        ...replica,
        generation,
        subscriptionId,
        appliedSeq,
        state: ReplicaState.OK,
      }),
    } as Op<"ack">);
  const told: bigint[] = [];
  world.executor.datasets.onAck(subscriptionId, (seq) => told.push(seq));
  await ack(0n);
  const durability = { mode: ReplicationMode.QUORUM, replicas: 1 };
  const waiting = await seen(world, appendOp([put("a", "1")], { durability } as never));
  const late = await seen(world, appendOp([put("b", "2")], { durability } as never));
  expect([waiting.state, late.state]).toEqual(["open", "open"]);
  await ack(1n);
  expect(waiting.reply).toMatchObject({ outcome: AppendOutcome.APPENDED, appliedBy: ["r"] });
  expect(late.state).toBe("open");
  await world.clock.advance(10_000);
  expect(late.reply?.outcome).toBe(AppendOutcome.APPENDED_NOT_REPLICATED);
  expect(told).toEqual([0n, 1n]);
});

test("the history shows that something was appended, and not what [DATA-26]", async () => {
  const world = await withDataset();
  await seen(world, appendOp([put("a", "secret"), put("b", "secret")]));
  const appended = (await world.executor.history(0n, PAGE, ALL)).events.at(-1);
  expect(appended?.body).toMatchObject({
    case: "appended",
    value: { dataset: "d", firstSeq: 1n, lastSeq: 2n },
  });
  expect(appended?.journalOnly).toBeUndefined();
});

test("changes go only when the event that says so is durable [DATA-71, DATA-73, DATA-74]", async () => {
  const world = await newWorld();
  const datasetId = await createIn(world, "d", { retentionChanges: 1n, checkpointChanges: 1 });
  for (const key of ["a", "b", "c"]) {
    await seen(world, appendOp([put(key, key, { idempotencyKey: key })]));
    await world.clock.advance(1);
  }
  const firstKept = async () => {
    const from = { afterSeq: 0n, afterCheckpoint: 0n, maxBytes: 1 };
    const read = { datasetId, kind: "changes", ...from } as const;
    const { results } = await world.journal.readTables([read]);
    return results[0].changes[0]?.seq;
  };
  world.journal.hold("append");
  await world.clock.advance(20_000);
  expect(await firstKept()).toBe(1n);
  world.journal.resume();
  await world.clock.settle();
  expect(await firstKept()).toBe(3n);
  const repeat = await seen(world, appendOp([put("a", "a", { idempotencyKey: "a" })]));
  expect(repeat.reply?.changes).toMatchObject([{ seq: 1n, duplicate: true }]);
});

async function describedId(world: World): Promise<bigint | undefined> {
  const request = { $typeName: "lockstep.v1.DescribeDatasetRequest", ...DATASET };
  const described = await seen(world, { kind: "describeDataset", request } as never);
  return (described.reply as { dataset?: { datasetId: bigint } }).dataset?.datasetId;
}
