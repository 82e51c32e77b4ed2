import type { Limits } from "@lockstep/protocol";
import type { JournalRecord, JournalSnapshot } from "../journal/journal.ts";
import { encodeRecords } from "../journal/sqlite/encoding.ts";
import type { SnapshotMaker } from "./maker.ts";
import type { MakerThread } from "./maker-thread.ts";
import type { MakerThreads } from "./maker-threads.ts";
import type { StateSource } from "./rebuild.ts";

/**
 * Makes each snapshot in a thread: the event loop only hands on pages and chunks, one at a time, each when it is asked
 * for. The thread is kept for the next snapshot, without the state, unless that was large.
 */
export class ThreadMaker implements SnapshotMaker {
  readonly #limits: Limits;
  readonly #threads: MakerThreads;
  #thread: MakerThread | undefined;
  #closed = false;

  /** @param threads shared with those that must not work at the same time */
  constructor(limits: Limits, threads: MakerThreads) {
    this.#limits = limits;
    this.#threads = threads;
  }

  make(source: StateSource, use: (snapshot: JournalSnapshot) => Promise<void>): Promise<void> {
    return this.#threads.take(() => this.#make(source, use));
  }

  close(): void {
    this.#closed = true;
    void this.#thread?.end();
    this.#threads.endKept();
  }

  async #make(
    { snapshot, pages }: StateSource,
    use: (snapshot: JournalSnapshot) => Promise<void>,
  ): Promise<void> {
    if (this.#closed) throw new Error("no snapshot is made any more: the namespace was closed");
    const thread = this.#threads.thread();
    this.#thread = thread;
    // Without end until all was taken: a thread that has more to say is not kept.
    let bytes = Number.POSITIVE_INFINITY;
    try {
      const begin = snapshot && { revision: snapshot.revision, epoch: snapshot.epoch };
      thread.tell({ kind: "make", task: { limits: this.#limits, snapshot: begin } });
      const position = await relay(thread, snapshot?.chunks, pages);
      const chunks = chunksOf(thread, (length) => {
        bytes = length;
      });
      await use({ ...position, chunks });
    } finally {
      this.#thread = undefined;
      await (this.#closed ? thread.end() : this.#threads.keep(thread, bytes));
    }
  }
}

/** Gives the thread what it asks for until the state is rebuilt. */
async function relay(
  thread: MakerThread,
  chunks: AsyncIterable<Uint8Array> | undefined,
  pages: AsyncIterable<readonly JournalRecord[]>,
) {
  const nextChunk = chunks?.[Symbol.asyncIterator]();
  const nextPage = pages[Symbol.asyncIterator]();
  for (;;) {
    const said = await thread.said();
    if (said.kind === "made") return said.position;
    if (said.kind === "wantsSnapshotChunk") {
      thread.tell({ kind: "snapshotChunk", bytes: (await nextChunk?.next())?.value });
    } else if (said.kind === "wantsPage") {
      const { value } = await nextPage.next();
      const records = value && encodeRecords(value.map(withoutKeys));
      thread.tell({ kind: "page", records }, records ? [records.buffer as ArrayBuffer] : []);
    }
  }
}

const NO_KEYS = new Uint8Array();

/** By which keys a record is found is of no use to the thread. */
function withoutKeys({ revision, bytes }: JournalRecord) {
  return { revision, keys: NO_KEYS, bytes };
}

/** `onEnd` is told how many bytes there were, once there are no more. */
async function* chunksOf(
  thread: MakerThread,
  onEnd: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for (;;) {
    thread.tell({ kind: "nextChunk" });
    const said = await thread.said();
    if (said.kind !== "chunk") throw new Error(`the snapshot thread said ${said.kind}`);
    if (said.bytes === undefined) {
      onEnd(bytes);
      return;
    }
    bytes += said.bytes.length;
    yield said.bytes;
  }
}
