import { DEFAULT_LIMITS } from "@lockstep/protocol";
import { expect, test } from "vitest";
import type { JournalRecord, JournalSnapshot } from "../journal/journal.ts";
import type { StateSource } from "./rebuild.ts";
import { ThreadMaker, Turns } from "./thread-maker.ts";

async function* pagesOf(...pages: readonly JournalRecord[][]) {
  yield* pages;
}

const empty = (): StateSource => ({ snapshot: undefined, pages: pagesOf() });

async function takeAll({ chunks }: JournalSnapshot): Promise<number> {
  let bytes = 0;
  for await (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

test("gives the state of no events, and can be asked again", async () => {
  const maker = new ThreadMaker(DEFAULT_LIMITS, new Turns());
  for (let times = 0; times < 2; times += 1) {
    let bytes = 0;
    await maker.make(empty(), async (snapshot) => {
      expect(snapshot).toMatchObject({ revision: 0n, epoch: 0n });
      bytes = await takeAll(snapshot);
    });
    expect(bytes).toBeGreaterThan(0);
  }
});

test.each<[string, StateSource]>([
  [
    "a record that is no event",
    {
      snapshot: undefined,
      pages: pagesOf([{ revision: 1n, bytes: Buffer.from("no event"), keys: [] }]),
    },
  ],
  [
    "a snapshot that is none",
    {
      snapshot: { revision: 5n, epoch: 1n, chunks: chunksOf(Buffer.from("no state")) },
      pages: pagesOf(),
    },
  ],
  ["a source that fails", { snapshot: undefined, pages: failingPages() }],
])("%s fails the snapshot and nothing else", async (_, source) => {
  const maker = new ThreadMaker(DEFAULT_LIMITS, new Turns());
  let used = false;
  const made = maker.make(source, async () => {
    used = true;
  });
  await expect(made).rejects.toThrow(Error);
  expect(used).toBe(false);
  await maker.make(empty(), async (snapshot) => void (await takeAll(snapshot)));
});

test("who fails while taking the chunks is told so, and the next one gets a thread of its own", async () => {
  const maker = new ThreadMaker(DEFAULT_LIMITS, new Turns());
  const failed = maker.make(empty(), () => Promise.reject(new Error("the disk is full")));
  await expect(failed).rejects.toThrow("the disk is full");
  await maker.make(empty(), async (snapshot) => void (await takeAll(snapshot)));
});

test("closing gives up what is under way, and what comes after it", async () => {
  const maker = new ThreadMaker(DEFAULT_LIMITS, new Turns());
  const made = maker.make(empty(), async (snapshot) => {
    maker.close();
    await takeAll(snapshot);
  });
  await expect(made).rejects.toThrow("has ended");
  await expect(maker.make(empty(), async () => undefined)).rejects.toThrow("was closed");
});

test("those who share turns work one after another, also after one of them failed", async () => {
  const turns = new Turns();
  const order: string[] = [];
  const work = (name: string, fails: boolean) =>
    turns.take(async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      if (fails) throw new Error(name);
    });
  const outcomes = await Promise.allSettled([work("a", true), work("b", false), work("c", true)]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected"]);
  expect(order).toEqual(["a", "b", "c"].flatMap((name) => [`${name} begins`, `${name} ends`]));
});

async function* chunksOf(...chunks: readonly Uint8Array[]) {
  yield* chunks;
}

async function* failingPages(): AsyncGenerator<JournalRecord[]> {
  yield [];
  throw new Error("the journal cannot be read");
}
