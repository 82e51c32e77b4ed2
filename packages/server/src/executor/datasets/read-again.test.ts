import { create } from "@bufbuild/protobuf";
import type { Op } from "@lockstep/core";
import {
  AppendRequestSchema,
  ChangeOp,
  CreateDatasetRequestSchema,
  DeleteDatasetRequestSchema,
  ErrorReason,
  FetchEntriesRequestSchema,
} from "@lockstep/protocol";
import { expect, test } from "vitest";
import { MemoryJournal } from "../../journal/memory.ts";
import type { TableRead } from "../../journal/tables.ts";
import { newWorld, reasonOf, type World, watched } from "../testing-support/world.ts";

const DATASET = { namespace: "default", dataset: "d" };
const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const principal = "p";

/** Submits and lets everything settle that can. */
async function seen<K extends Parameters<World["executor"]["submit"]>[0]["kind"]>(
  { executor, clock }: World,
  op: Op<K>,
) {
  const reply = watched(executor.submit<K>(op).reply);
  await clock.settle();
  return reply;
}

async function createDataset(world: World): Promise<bigint> {
  const request = create(CreateDatasetRequestSchema, { ...DATASET, reason: "test" });
  const op = { kind: "createDataset", principal, salt: new Uint8Array(16), request } as const;
  const { reply } = await seen<"createDataset">(world, op);
  return reply?.dataset?.datasetId ?? 0n;
}

function putOp(key: string, value: string): Op<"append"> {
  const change = { op: ChangeOp.PUT, key: bytes(key), value: bytes(value) };
  const request = create(AppendRequestSchema, { ...DATASET, changes: [change] });
  return { kind: "append", principal, request };
}

/** A journal that counts the reads of its tables, and answers no more than some. */
class CountedReads extends MemoryJournal {
  reads = 0;

  override readTables<const R extends readonly TableRead[]>(reads: R) {
    this.reads += 1;
    return this.reads > 20 ? new Promise<never>(() => undefined) : super.readTables(reads);
  }
}

const fetchOp = (...keys: string[]): Op<"fetchEntries"> => ({
  kind: "fetchEntries",
  request: create(FetchEntriesRequestSchema, { ...DATASET, keys: keys.map(bytes) }),
});

/** Asks for rows of which the last was not read, as there is room for it only by an append that is not durable. */
async function cutShort() {
  const journal = new CountedReads();
  const world = await newWorld({ journal });
  const datasetId = await createDataset(world);
  const large = "x".repeat(700_000);
  for (const key of ["a", "b", "c"]) await seen(world, putOp(key, large));
  journal.hold();
  const made = await seen(world, putOp("a", "small"));
  const before = journal.reads;
  const fetched = await seen(world, fetchOp("a", "b", "c"));
  expect([made.state, fetched.state]).toEqual(["open", "open"]);
  return { world, journal, datasetId, fetched, reads: () => journal.reads - before };
}

test("what a read was cut before is read again when all that is decided is durable, and not over and over", async () => {
  const { world, journal, fetched, reads } = await cutShort();
  expect(reads()).toBe(1);
  const another = await seen(world, putOp("d", "1"));
  journal.settleNext();
  await world.clock.settle();
  expect([another.state, reads()]).toEqual(["open", 2]);
  journal.resume();
  await world.clock.settle();
  expect(fetched.reply?.entries.map(({ row }) => row?.seq)).toEqual([4n, 2n]);
  expect(reads()).toBe(2);
});

test("what is to be read again is refused when its dataset is deleted meanwhile", async () => {
  const { world, journal, datasetId, fetched } = await cutShort();
  const request = create(DeleteDatasetRequestSchema, { ...DATASET, datasetId, reason: "test" });
  await seen(world, { kind: "deleteDataset", principal, request } as Op<"deleteDataset">);
  journal.resume();
  await world.clock.settle();
  expect(reasonOf(fetched.error)).toBe(ErrorReason.DATASET_UNKNOWN);
});
