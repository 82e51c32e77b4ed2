import { Worker } from "node:worker_threads";
import type { Limits } from "@lockstep/protocol";
import type { JournalRecord, JournalSnapshot } from "../journal/journal.ts";
import { encodeRecords } from "../journal/sqlite/encoding.ts";
import { workerLocation } from "../worker-location.ts";
import type { SnapshotMaker } from "./maker.ts";
import type { MakerReply, MakerRequest, MakerTask } from "./messages.ts";
import type { StateSource } from "./rebuild.ts";

/** Lets one piece of work run at a time, over all namespaces of a server, in the order of asking. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all before it have ended. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/**
 * Makes each snapshot in a thread of its own, which ends with it and gives its memory back: the event
 * loop only hands on pages and chunks, one at a time, each when it is asked for.
 */
export class ThreadMaker implements SnapshotMaker {
  readonly #limits: Limits;
  readonly #turns: Turns;
  #thread: MakerThread | undefined;
  #closed = false;

  /** @param turns shared with those that must not work at the same time */
  constructor(limits: Limits, turns: Turns) {
    this.#limits = limits;
    this.#turns = turns;
  }

  make(source: StateSource, use: (snapshot: JournalSnapshot) => Promise<void>): Promise<void> {
    return this.#turns.take(() => this.#make(source, use));
  }

  close(): void {
    this.#closed = true;
    void this.#thread?.end();
  }

  async #make(
    { snapshot, pages }: StateSource,
    use: (snapshot: JournalSnapshot) => Promise<void>,
  ): Promise<void> {
    if (this.#closed) throw new Error("no snapshot is made any more: the namespace was closed");
    const begin = snapshot && { revision: snapshot.revision, epoch: snapshot.epoch };
    const thread = new MakerThread({ limits: this.#limits, snapshot: begin });
    this.#thread = thread;
    try {
      const position = await relay(thread, snapshot?.chunks, pages);
      await use({ ...position, chunks: chunksOf(thread) });
    } finally {
      await thread.end();
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

async function* chunksOf(thread: MakerThread): AsyncGenerator<Uint8Array> {
  for (;;) {
    thread.tell({ kind: "nextChunk" });
    const said = await thread.said();
    if (said.kind !== "chunk") throw new Error(`the snapshot thread said ${said.kind}`);
    if (said.bytes === undefined) return;
    yield said.bytes;
  }
}

/** The near end of a thread that makes one snapshot. */
class MakerThread {
  readonly #worker: Worker;
  readonly #said: MakerReply[] = [];
  #failure: Error | undefined;
  #onNews: () => void = () => undefined;

  constructor(task: MakerTask) {
    this.#worker = new Worker(workerLocation(import.meta.url, "snapshot"), {
      workerData: task,
      // The flags of the process, such as those of `node -e`, are not meant for this file.
      execArgv: [],
    });
    // A snapshot under way is no reason for the process to go on.
    this.#worker.unref();
    this.#worker.on("message", (reply: MakerReply) => {
      if (reply.kind === "failed") this.#fail(new Error(reply.message));
      else this.#said.push(reply);
      this.#onNews();
    });
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () =>
      this.#fail(new Error("the thread that makes snapshots has ended")),
    );
  }

  tell(request: MakerRequest, handedOver: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, handedOver);
  }

  /** What it says next. @throws what made it fail */
  async said(): Promise<MakerReply> {
    for (;;) {
      const next = this.#said.shift();
      if (next !== undefined) return next;
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#onNews = resolve;
      });
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#onNews();
  }
}
