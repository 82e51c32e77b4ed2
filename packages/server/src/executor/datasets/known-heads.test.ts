import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Op } from "@lockstep/core";
import {
  AppendRequestSchema,
  bucketOf,
  ChangeOp,
  CreateDatasetRequestSchema,
  DigestHasher,
  ErrorReason,
  type NewChangeSchema,
} from "@lockstep/protocol";
import { expect, test } from "vitest";
import { newWorld, reasonOf, type World, watched } from "../testing-support/world.ts";
import { RecentHeads } from "./recent-heads.ts";

const DATASET = { namespace: "default", dataset: "d" };
type Change = MessageInitShape<typeof NewChangeSchema>;

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const put = (key: string, value: string, more: Partial<Change> = {}) =>
  ({ op: ChangeOp.PUT, key: bytes(key), value: bytes(value), ...more }) as Change;
const remove = (key: string, more: Partial<Change> = {}) =>
  ({ op: ChangeOp.DELETE, key: bytes(key), ...more }) as Change;

/** Of rows with such keys nothing is known. */
const TOO_LONG = "k".repeat(49);

/** A world with a dataset, whose tables nobody can read any more. */
async function unreadable(...changes: readonly Change[]): Promise<World> {
  const world = await newWorld();
  const request = create(CreateDatasetRequestSchema, { ...DATASET, reason: "test" } as never);
  const salt = new Uint8Array(16);
  const made = watched(
    world.executor.submit({ kind: "createDataset", principal: "p", salt, request }).reply,
  );
  await world.clock.settle();
  expect(made.reply?.dataset?.datasetId).toBe(DATASET_ID);
  for (const change of changes) expect((await append(world, change)).state).toBe("resolved");
  world.journal.hold("readTables");
  return world;
}

function submitted({ executor }: World, ...changes: readonly Change[]) {
  const request = create(AppendRequestSchema, { ...DATASET, changes } as never);
  const op: Op<"append"> = { kind: "append", principal: "p", request };
  return watched(executor.submit<"append">(op).reply);
}

async function append(world: World, ...changes: readonly Change[]) {
  const reply = submitted(world, ...changes);
  await world.clock.settle();
  return reply;
}

test("an append to rows that were decided lately, or into empty buckets, reads nothing [DATA-37]", async () => {
  const world = await unreadable(put("a", "1"), put("b", "2"), remove("b"));
  const again = await append(world, put("a", "3", { expectedKeySeq: 1n }));
  const deleted = await append(world, put("b", "4", { expectedKeySeq: 0n }));
  const fresh = await append(world, put("c", "5", { expectedKeySeq: 0n }), remove("d"));
  expect([again, deleted, fresh].map(({ reply }) => reply?.lastSeq)).toEqual([4n, 5n, 7n]);
  for (const stale of [
    put("a", "6", { expectedKeySeq: 1n }),
    put("c", "7", { expectedKeySeq: 0n }),
  ])
    expect(reasonOf((await append(world, stale)).error)).toBe(ErrorReason.KEY_MISMATCH);
});

test("an append of a new key reads nothing, though others lie in its bucket, but for rows from before a start", async () => {
  const world = await unreadable(put("a", "1"));
  const [key, another] = keysInTheBucketOf("a");
  const fresh = await append(world, put(key, "2", { expectedKeySeq: 0n }));
  expect(fresh.reply?.lastSeq).toBe(2n);

  world.executor.close();
  const next = await newWorld({ journal: world.journal.crash() });
  next.journal.hold("readTables");
  const later = await append(next, put(another, "3"));
  expect(later.state).toBe("open");
  next.journal.resume();
  await next.clock.settle();
  expect(later.reply?.lastSeq).toBe(3n);
});

test("an idempotency key that was never used is not looked for, one that was is found", async () => {
  const world = await unreadable();
  const fresh = await append(world, put("a", "1", { idempotencyKey: "x" }));
  expect(fresh.reply).toMatchObject({ lastSeq: 1n, changes: [{ duplicate: false }] });
  const again = await append(world, put("a", "1", { idempotencyKey: "x" }));
  expect(again.state).toBe("open");
  world.journal.resume();
  await world.clock.settle();
  expect(again.reply).toMatchObject({ lastSeq: 1n, changes: [{ duplicate: true }] });

  world.executor.close();
  const next = await newWorld({ journal: world.journal.crash() });
  next.journal.hold("readTables");
  const later = await append(next, put("a", "1", { idempotencyKey: "x" }));
  expect(later.state).toBe("open");
  next.journal.resume();
  await next.clock.settle();
  expect(later.reply).toMatchObject({ lastSeq: 1n, changes: [{ duplicate: true }] });
});

test("while a journal with nothing to do writes the first rows of a turn, the others are decided", async () => {
  const world = await unreadable();
  const batches = () => Number(world.executor.info().counters?.batches);
  const appendAll = async (count: number) => {
    const before = batches();
    const replies = Array.from({ length: count }, (_, n) => submitted(world, put(`k${n}`, "v")));
    await world.clock.settle();
    expect(replies.filter(({ state }) => state === "resolved")).toHaveLength(count);
    return batches() - before;
  };
  expect(await appendAll(8)).toBe(1);
  expect(await appendAll(64)).toBe(2);
});

test("an append that need not read stays behind one that came first and must", async () => {
  const world = await unreadable(put("a", "1"));
  const first = await append(world, put(TOO_LONG, "2"));
  const second = await append(world, put("a", "3"));
  expect([first.state, second.state]).toEqual(["open", "open"]);
  world.journal.resume();
  await world.clock.settle();
  expect([first.reply?.lastSeq, second.reply?.lastSeq]).toEqual([2n, 3n]);
});

test("an append keeps its place though what was known of its row is forgotten while it waits", async () => {
  const world = await unreadable(put("a", "1"));
  const first = await append(world, put(TOO_LONG, "2"));
  const second = await append(world, put(otherKeyInTheSlotOf("a"), "3"));
  world.journal.resume();
  for (let turn = 0; turn < 4; turn += 1) await world.clock.settle();
  expect([first.reply?.lastSeq, second.reply?.lastSeq]).toEqual([2n, 3n]);
});

/** Two other keys that lie in the bucket of a key. */
function keysInTheBucketOf(key: string): [string, string] {
  const hasher = new DigestHasher({ salt: new Uint8Array(16), dataset: "d", partition: "d" });
  const bucket = bucketOf(hasher.keyHash(bytes(key)));
  const found: string[] = [];
  for (let number = 0; ; number += 1) {
    if (bucketOf(hasher.keyHash(bytes(`k${number}`))) === bucket) found.push(`k${number}`);
    const [one, other] = found;
    if (one !== undefined && other !== undefined) return [one, other];
  }
}

/** The first dataset of a namespace has the revision of its event for its id. */
const DATASET_ID = 2n;

function otherKeyInTheSlotOf(key: string): string {
  const heads = new RecentHeads();
  for (let number = 0; ; number += 1) {
    heads.absent(DATASET_ID, bytes(key));
    heads.absent(DATASET_ID, bytes(`k${number}`));
    if (!heads.has(DATASET_ID, bytes(key))) return `k${number}`;
  }
}

test("rows of which nothing is known are read", async () => {
  const world = await unreadable();
  const first = await append(world, put(TOO_LONG, "1"));
  const second = await append(world, put(TOO_LONG, "2", { expectedKeySeq: 1n }));
  expect([first.state, second.state]).toEqual(["open", "open"]);
  world.journal.resume();
  await world.clock.settle();
  expect([first.reply?.lastSeq, second.reply?.lastSeq]).toEqual([1n, 2n]);
});
