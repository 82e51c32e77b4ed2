import { DEFAULT_LIMITS } from "@lockstep/protocol";
import { expect, test } from "vitest";
import type { JournalRecord, JournalSnapshot } from "../journal/journal.ts";
import type { MakerThread } from "./maker-thread.ts";
import { MakerThreads } from "./maker-threads.ts";
import type { StateSource } from "./rebuild.ts";
import { ThreadMaker } from "./thread-maker.ts";

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
  const maker = new ThreadMaker(DEFAULT_LIMITS, new MakerThreads());
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
  const maker = new ThreadMaker(DEFAULT_LIMITS, new MakerThreads());
  let used = false;
  const made = maker.make(source, async () => {
    used = true;
  });
  await expect(made).rejects.toThrow(Error);
  expect(used).toBe(false);
  await maker.make(empty(), async (snapshot) => void (await takeAll(snapshot)));
});

test("who fails while taking the chunks is told so, and the next one gets a thread of its own", async () => {
  const maker = new ThreadMaker(DEFAULT_LIMITS, new MakerThreads());
  const failed = maker.make(empty(), () => Promise.reject(new Error("the disk is full")));
  await expect(failed).rejects.toThrow("the disk is full");
  await maker.make(empty(), async (snapshot) => void (await takeAll(snapshot)));
});

test("closing gives up what is under way, and what comes after it", async () => {
  const maker = new ThreadMaker(DEFAULT_LIMITS, new MakerThreads());
  const made = maker.make(empty(), async (snapshot) => {
    maker.close();
    await takeAll(snapshot);
  });
  await expect(made).rejects.toThrow("has ended");
  await expect(maker.make(empty(), async () => undefined)).rejects.toThrow("was closed");
});

test("a thread that has made a snapshot to its end makes the next one, of whichever namespace; no other does", async () => {
  const threads = new SpiedThreads();
  const makers = [
    new ThreadMaker(DEFAULT_LIMITS, threads),
    new ThreadMaker(DEFAULT_LIMITS, threads),
  ];
  for (const maker of makers)
    await maker.make(empty(), async (snapshot) => void (await takeAll(snapshot)));
  expect(threads.given[1]).toBe(threads.given[0]);
  await makers[0]?.make(empty(), async () => undefined);
  expect(threads.given[2]).toBe(threads.given[0]);
  await makers[0]?.make(empty(), async (snapshot) => void (await takeAll(snapshot)));
  expect(threads.given[3]).not.toBe(threads.given[0]);
  makers[1]?.close();
  await expect(threads.given[3]?.said()).rejects.toThrow("has ended");
});

/** Remembers which threads it gave. */
class SpiedThreads extends MakerThreads {
  readonly given: MakerThread[] = [];

  override thread(): MakerThread {
    const thread = super.thread();
    this.given.push(thread);
    return thread;
  }
}

async function* chunksOf(...chunks: readonly Uint8Array[]) {
  yield* chunks;
}

async function* failingPages(): AsyncGenerator<JournalRecord[]> {
  yield [];
  throw new Error("the journal cannot be read");
}
